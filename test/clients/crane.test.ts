import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { findClient, kinds, user, useShop } from "./shop.ts";

const crane = findClient("crane")!;

describe.skipIf(!crane)("crane", () => {
  const shop = useShop();

  test.each([...kinds])("pull, push, list, catalog, tag, copy, an index, delete: %s", async (kind) => {
    const { host, guarded, digest, tags } = shop.counters[kind];
    const { image } = shop;
    const run = (...args: string[]) => shop.run([crane, ...args]);
    if (guarded) {
      await expect(run("digest", `${host}/source/app:1`)).rejects.toThrow(/UNAUTHORIZED|401/);
      const login = [crane, "auth", "login", host, "-u", user.name, "--password-stdin"];
      await shop.run(login, { stdin: user.password });
    }
    const own = `${host}/crane/app`;
    expect(await run("digest", `${host}/source/app:1`)).toBe(image.digest);
    const layout = join(shop.folder, `crane-${kind}`);
    await run("pull", "--format", "oci", `${host}/source/app:1`, layout);
    await run("push", layout, `${own}:1`);
    expect(await run("digest", `${own}:1`)).toBe(image.digest);
    await run("copy", `${host}/source/app:1`, `${own}:2`);
    await run("validate", "--remote", `${own}:2`);
    await run("tag", `${own}:2`, "3");
    expect((await run("ls", own)).split("\n")).toEqual(["1", "2", "3"]);
    expect((await run("catalog", host)).split("\n")).toEqual(["crane/app", "source/app"]);
    await run("index", "append", "-m", `${own}:2`, "-t", `${own}:index`);
    expect(JSON.parse(await run("manifest", `${own}:index`))).toMatchObject({
      manifests: [{ digest: image.digest }],
    });
    await run("delete", `${own}:3`);
    expect(await tags("crane/app")).toEqual(["1", "2", "index"]);
    await run("delete", `${own}@${image.digest}`);
    expect(await digest("crane/app", image.digest)).toBeUndefined();
    expect(await tags("crane/app")).toEqual(["index"]);
  });
});
