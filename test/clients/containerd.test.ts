import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Containerd, containerd, ctr, startContainerd } from "./containerd-daemon.ts";
import { kinds, openShop, type Shop, user } from "./shop.ts";

describe.skipIf(!ctr || !containerd)("containerd", () => {
  let shop: Shop;
  let daemon: Containerd;
  let own: readonly string[];

  beforeAll(async () => {
    shop = await openShop();
    daemon = await startContainerd(shop.folder);
    own = daemon.ctr;
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await shop?.[Symbol.asyncDispose]();
  });

  test.each([...kinds])("pull, push, a descriptor by digest: %s", async (kind) => {
    const { host, guarded, digest, tags } = shop.counters[kind];
    const images = (verb: string, ...args: string[]) =>
      shop.run([
        ...[...own, "images", verb, "--plain-http"],
        ...(guarded ? ["--user", `${user.name}:${user.password}`] : []),
        ...args,
      ]);
    const source = `${host}/source/app:1`;
    if (guarded)
      await expect(shop.run([...own, "images", "pull", "--plain-http", source])).rejects.toThrow(
        /authori|401/,
      );
    await images("pull", source);
    expect(await shop.run([...own, "images", "ls", `name==${source}`])).toContain(shop.image.digest);
    await shop.run([...own, "images", "tag", source, `${host}/ctr/app:1`]);
    await images("push", `${host}/ctr/app:1`);
    expect([await tags("ctr/app"), await digest("ctr/app", "1")]).toEqual([["1"], shop.image.digest]);
    await images("pull", `${host}/ctr/app@${shop.image.digest}`);
  });
});
