import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Registry } from "../../src/registry/server/index.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

const hasBusybox = Bun.which("busybox") !== null;
if (!hasBusybox) console.log("skipped: busybox-static is not installed");

let strake: Strake;
let registry: Registry;
const index = async (name: string) => JSON.parse(await strake.ok("manifest", "inspect", name));

beforeAll(async () => {
  strake = makeStrake();
  registry = await Registry.start();
  if (!hasBusybox) return;
  await strake.ok("bootstrap", "busybox");
  writeFileSync(join(strake.home, "Dockerfile"), "FROM busybox\nCOPY Dockerfile /\n");
  await strake.ok("build", "-q", "-t", "other:1", strake.home);
});
afterAll(async () => {
  await registry.stop();
  await strake.remove();
});

describe.skipIf(!hasBusybox)("manifest lists", () => {
  test("of images of the store and of registries, pushed as one index", async () => {
    const { host } = registry;
    await strake.ok("push", "-q", "busybox", `${host}/source/bb:1`);
    const list = `${host}/team/app:1`;
    await strake.ok("manifest", "create", list, "other:1", `docker://${host}/source/bb:1`);
    await strake.ok(
      "manifest",
      "annotate",
      list,
      "other:1",
      "--arch",
      "arm",
      "--variant",
      "v7",
      "--annotation",
      "a=b",
    );
    expect((await index(list)).manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
      { os: "linux", architecture: "arm", variant: "v7" },
      { os: "linux", architecture: "amd64" },
    ]);
    const digest = (await strake.ok("manifest", "push", list)).trim();
    expect((await strake.ok("manifest", "push", "--purge", list, `${host}/team/again:1`)).trim()).toBe(
      digest,
    );

    // The list is gone: this is the registry's.
    const pushed = await index(list);
    expect(pushed.mediaType).toBe("application/vnd.oci.image.index.v1+json");
    expect(pushed.manifests[0]).toMatchObject({
      platform: { architecture: "arm", variant: "v7" },
      annotations: { a: "b" },
    });
    const source = (await strake.ok("digest", `${host}/source/bb:1`)).trim();
    expect(pushed.manifests[1]).toMatchObject({ digest: source, platform: { architecture: "amd64" } });
    for (const { digest: child } of pushed.manifests) await index(`${host}/team/again@${child}`);

    const other = makeStrake();
    try {
      await other.ok("pull", "-q", "--platform", "linux/amd64", list);
      expect(await other.ok("images", "-q", "--no-trunc")).toBe(
        await strake.ok("images", "-q", "--no-trunc", "busybox"),
      );
    } finally {
      await other.remove();
    }
  });

  test("an index gives all its images to another list; what is named can be taken out", async () => {
    const { host } = registry;
    await strake.ok("manifest", "create", "mine:1", `${host}/team/app:1`);
    expect((await index("mine:1")).manifests.length).toBe(2);
    const [first] = (await index("mine:1")).manifests;
    await strake.ok("manifest", "remove", "mine:1", first.digest);
    await strake.ok("manifest", "add", "mine:1", "strake:other:1");
    await strake.ok("manifest", "add", "mine:1", "strake:other:1");
    expect((await index("mine:1")).manifests.length).toBe(2);
    expect(await strake.ok("manifest", "ls")).toContain("docker.io/library/mine:1");
    await strake.ok("manifest", "rm", "mine:1");
    expect(await strake.ok("manifest", "ls")).toBe("");
    expect(await strake.ok("gc", "--verify")).toContain("clean");
  });

  test("what goes wrong leaves no half list", async () => {
    const { host } = registry;
    const fails = async (...words: string[]) => {
      const { code, stderr } = await strake.run(["manifest", ...words]);
      expect(code).not.toBe(0);
      return stderr;
    };
    expect(await fails("create", "broken:1", "other:1", `${host}/no/such:1`)).toContain("no/such");
    expect(await strake.ok("manifest", "ls")).toBe("");
    expect(await fails("push", "broken:1")).toContain("there is no manifest list broken:1");
    await strake.ok("manifest", "create", "empty:1");
    expect(await fails("create", "empty:1")).toContain("already");
    await strake.ok("manifest", "create", "--amend", "empty:1");
    expect(await fails("push", "empty:1", `${host}/x:1`)).toContain("holds no image");
    expect(await fails("annotate", "empty:1", "other:1", "--arch", "arm")).toContain("is not in the list");
    await strake.ok("manifest", "rm", "empty:1");
  });

  test("push --platform sends the one image, of the list or itself", async () => {
    const { host } = registry;
    const list = `${host}/one/app:1`;
    await strake.ok("push", "-q", "other:1", `${host}/one/source:1`);
    await strake.ok("manifest", "create", list, "busybox");
    await strake.ok("manifest", "add", list, `docker://${host}/one/source:1`, "--arch", "s390x");
    const source = (await strake.ok("digest", `${host}/one/source:1`)).trim();
    const push = (platform: string, ...target: string[]) =>
      strake.ok("push", "-q", "--platform", platform, list, ...target);
    expect((await push("linux/s390x")).trim()).toBe(source);
    expect((await strake.ok("digest", list)).trim()).toBe(source);
    const own = (await push("linux/amd64", `${host}/one/app:amd64`)).trim();
    expect((await strake.ok("digest", `${host}/one/app:amd64`)).trim()).toBe(own);
    expect(
      (await strake.ok("push", "-q", "--platform", "linux/amd64", "busybox", `${host}/one/app:2`)).trim(),
    ).toBe(own);
    await strake.ok("manifest", "push", list);
    expect((await strake.ok("digest", "--platform", "linux/s390x", list)).trim()).toBe(source);
    const fails = async (...words: string[]) => (await strake.run(["push", "--platform", ...words])).stderr;
    expect(await fails("linux/arm64", list)).toContain(
      "is not here for linux/arm64, but for linux/amd64, linux/s390x",
    );
    expect(await fails("linux/arm64", "busybox")).toContain(
      "is not here for linux/arm64, but for linux/amd64",
    );
    expect(await fails("linux/arm64", "nothing:1")).toContain("there is no image");
    expect(await fails("arm-64/x/y/z", list)).toContain("is not a platform");
    await strake.ok("manifest", "rm", list);
  });

  test("push --all-tags sends every tag of a repository", async () => {
    const { host } = registry;
    for (const tag of ["1", "2"]) await strake.ok("tag", "busybox", `${host}/all/app:${tag}`);
    await strake.ok("push", "-q", "--all-tags", `${host}/all/app`);
    expect((await strake.ok("tags", `${host}/all/app`)).split("\n").filter(Boolean).sort()).toEqual([
      "1",
      "2",
    ]);
    const { code, stderr } = await strake.run(["push", "--all-tags", `${host}/all/app:1`]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("without a tag");
  });
});
