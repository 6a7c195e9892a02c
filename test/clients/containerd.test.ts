import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findClient, kinds, openShop, type Shop, user } from "./shop.ts";

const ctr = findClient("ctr", { root: true })!;
const containerd = findClient("containerd", { root: true })!;

describe.skipIf(!ctr || !containerd)("containerd", () => {
  let shop: Shop;
  let daemon: ReturnType<typeof Bun.spawn>;
  let own: string[];

  beforeAll(async () => {
    shop = await openShop();
    const base = join(shop.folder, "containerd");
    const socket = join(base, "socket");
    mkdirSync(base);
    const config = [
      ...["version = 2", `root = "${base}/root"`, `state = "${base}/state"`],
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      ...["[grpc]", `  address = "${socket}"`, "[ttrpc]", `  address = "${socket}.ttrpc"`],
    ];
    writeFileSync(join(base, "config.toml"), `${config.join("\n")}\n`);
    const log = Bun.file(join(base, "log"));
    daemon = Bun.spawn([containerd, "-c", join(base, "config.toml")], { stdout: log, stderr: log });
    own = [ctr, "--address", socket];
    for (let i = 0; !existsSync(socket); i++) {
      if (i > 400) throw new Error(`containerd did not start: ${readFileSync(join(base, "log"), "utf8")}`);
      await Bun.sleep(25);
    }
  });
  afterAll(async () => {
    daemon?.kill();
    await daemon?.exited;
    for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n").reverse()) {
      const target = line.split(" ")[1];
      if (target?.startsWith(`${shop.folder}/`)) Bun.spawnSync(["umount", target]);
    }
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
