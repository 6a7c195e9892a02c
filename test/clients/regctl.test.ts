import { describe, expect, test } from "bun:test";
import { findClient, kinds, user, useShop } from "./shop.ts";

const regctl = findClient("regctl")!;

describe.skipIf(!regctl)("regctl", () => {
  const shop = useShop();

  test.each([...kinds])("images, tags, blobs, artifacts and referrers: %s", async (kind) => {
    const { host, guarded, digest, tags } = shop.counters[kind];
    const { image } = shop;
    const own = `${host}/regctl/app`;
    const run = (...args: string[]) => shop.run([regctl, "--verbosity", "error", ...args]);
    await run("registry", "set", "--tls", "disabled", "--skip-check", host);
    if (guarded) {
      await expect(run("tag", "ls", `${host}/source/app`)).rejects.toThrow(/unauthorized/i);
      await shop.run([regctl, "registry", "login", host, "-u", user.name, "--pass-stdin"], {
        stdin: user.password,
      });
    }
    await run("image", "copy", `${host}/source/app:1`, `${own}:1`);
    await run("image", "copy", `${own}:1`, `${own}:2`);
    expect(await run("image", "digest", `${own}:1`)).toBe(image.digest);
    expect((await run("tag", "ls", own)).split("\n")).toEqual(["1", "2"]);
    expect((await run("repo", "ls", host)).split("\n")).toEqual(["regctl/app", "source/app"]);
    const blob = await shop.run([regctl, "blob", "put", own], { stdin: "content" });
    expect(await run("blob", "get", own, blob)).toBe("content");

    const put = ["artifact", "put", "--artifact-type", "text/x-note", "--file-media-type", "text/plain"];
    await shop.run([regctl, ...put, "--subject", `${own}:1`], { stdin: "a note" });
    const listed = JSON.parse(await run("artifact", "list", `${own}:1`, "--format", "{{json .}}"));
    expect(listed.descriptors).toMatchObject([{ artifactType: "text/x-note" }]);
    expect(
      await run("artifact", "get", "--subject", `${own}:1`, "--filter-artifact-type", "text/x-note"),
    ).toBe("a note");
    // Not a tag has come of it: the referrers API was used.
    expect(await tags("regctl/app")).toEqual(["1", "2"]);
    await run("image", "copy", "--referrers", `${own}:1`, `${host}/regctl/copy:1`);
    expect(await run("artifact", "tree", `${host}/regctl/copy:1`)).toContain("text/x-note");

    await run("tag", "rm", `${own}:2`);
    expect(await tags("regctl/app")).toEqual(["1"]);
    await run("manifest", "rm", `${own}@${image.digest}`);
    expect(await digest("regctl/app", image.digest)).toBeUndefined();
    await run("blob", "rm", own, blob);
    await expect(run("blob", "head", own, blob)).rejects.toThrow(/not found/i);
  });
});
