import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Registry } from "../../src/registry/server/index.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

const program = (name: string) => {
  const found = Bun.which(name);
  if (found === null) console.log(`skipped: ${name} is not installed`);
  return found;
};
const hasBusybox = program("busybox") !== null;

let strake: Strake;
let registry: Registry;
const at = (name: string) => join(strake.home, name);
const peer = (...words: string[]) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(words, { cwd: strake.home });
  if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  return stdout.toString();
};
const copy = async (from: string, to: string, ...flags: string[]) =>
  (await strake.ok("copy", ...flags, from, to)).trim();

beforeAll(async () => {
  strake = makeStrake();
  registry = await Registry.start();
  if (hasBusybox) await strake.ok("bootstrap", "busybox");
});
afterAll(async () => {
  await registry.stop();
  await strake.remove();
});

describe.skipIf(!hasBusybox)("strake copy", () => {
  test("once around all places, with one digest wherever there are digests", async () => {
    const { host } = registry;
    const digest = await copy("strake:busybox", `${host}/a/app:1`);
    expect(await copy(`${host}/a/app:1`, `oci:${at("layout")}:one`)).toBe(digest);
    expect(await copy(`oci:${at("layout")}:one`, `oci-archive:${at("layout.tar")}:two`)).toBe(digest);
    expect(await copy(`oci-archive:${at("layout.tar")}:two`, `docker://${host}/b/app:2`)).toBe(digest);
    expect(await copy(`oci:${at("layout")}@${digest}`, `${host}/c/app:3`)).toBe(digest);
    await copy(`${host}/b/app:2`, `docker-archive:${at("docker.tar")}:app:9`);
    expect(await copy(`docker-archive:${at("docker.tar")}:app:9`, `${host}/d/app:4`)).toBe(digest);
    await copy(`oci:${at("layout")}`, "strake:back:1");
    expect((await strake.ok("images", "-q", "back")).trim()).toBe(
      (await strake.ok("images", "-q", "busybox")).trim(),
    );
  });

  test("the same archive twice is the same bytes, and what is there is not overwritten", async () => {
    await copy("strake:busybox", `oci-archive:${at("first.tar")}:x`);
    await copy("strake:busybox", `oci-archive:${at("second.tar")}:x`);
    expect(readFileSync(at("first.tar")).equals(readFileSync(at("second.tar")))).toBe(true);
    const unnamed = await strake.run(["copy", `oci-archive:${at("first.tar")}:y`, "strake:y"]);
    expect(unnamed.stderr).toContain(
      `oci-archive:${at("first.tar")} holds no image named y\nhint: it has x\n`,
    );
    for (const kind of ["oci-archive", "docker-archive"]) {
      const { code, stderr } = await strake.run(["copy", "strake:busybox", `${kind}:${at("first.tar")}`]);
      expect(code).not.toBe(0);
      expect(stderr).toContain("exists already");
    }
  });

  test("one of several images of a docker-archive, by name or by its place", async () => {
    const names = ["several:1", "several:2"];
    writeFileSync(at("Dockerfile"), "FROM busybox\nLABEL two=2\n");
    await strake.ok("tag", "busybox", names[0]!);
    await strake.ok("build", "-q", "-t", names[1]!, strake.home);
    await strake.ok("save", "-o", at("several.tar"), ...names);
    const digestOf = (name: string) => copy(`strake:${name}`, `${registry.host}/several/a:1`);
    const place = `docker-archive:${at("several.tar")}`;
    for (const [i, name] of names.entries())
      for (const from of [`${place}:${name}`, `${place}:@${i}`])
        expect(await copy(from, `${registry.host}/several/b:1`)).toBe(await digestOf(name));
    const fails = async (from: string) =>
      (await strake.run(["copy", from, `${registry.host}/several/b:1`])).stderr;
    const offered = "it has docker.io/library/several:1 = @0, docker.io/library/several:2 = @1";
    expect(await fails(place)).toContain(`several.tar holds 2 images\n`);
    for (const wrong of [`${place}:@2`, `${place}:absent`, place])
      expect(await fails(wrong)).toContain(offered);
  });

  test("an image that only passed through leaves the store, and a failed copy leaves no file", async () => {
    await copy("strake:busybox", `docker-archive:${at("passing.tar")}`);
    const other = makeStrake();
    try {
      await other.ok("copy", `docker-archive:${at("passing.tar")}`, `oci:${join(other.home, "out")}`);
      expect((await other.ok("images", "-aq")).trim()).toBe("");
      expect(await other.ok("gc", "--verify")).toContain("clean");

      writeFileSync(join(other.home, "cut.tar"), readFileSync(at("passing.tar")).subarray(0, 200_000));
      const { code } = await other.run([
        "copy",
        `docker-archive:${join(other.home, "cut.tar")}`,
        `oci-archive:${join(other.home, "none.tar")}`,
      ]);
      expect(code).not.toBe(0);
      expect(readdirSync(other.home).filter((name) => name.startsWith("none"))).toEqual([]);
      expect(await other.ok("gc", "--verify")).toContain("clean");
    } finally {
      await other.remove();
    }
  });

  test.skipIf(program("skopeo") === null)("skopeo reads what we write, and we what it writes", async () => {
    const digest = await copy("strake:busybox", `oci:${at("ours")}:v1`);
    await copy("strake:busybox", `oci-archive:${at("ours.tar")}:v1`);
    await copy("strake:busybox", `docker-archive:${at("ours-docker.tar")}:app:1`);
    for (const place of [`oci:${at("ours")}:v1`, `oci-archive:${at("ours.tar")}:v1`])
      expect(JSON.parse(peer("skopeo", "inspect", place)).Digest).toBe(digest);
    peer("skopeo", "copy", "-q", `docker-archive:${at("ours-docker.tar")}`, `oci:${at("theirs")}:x`);
    peer("skopeo", "copy", "-q", `oci:${at("theirs")}:x`, `oci-archive:${at("theirs.tar")}:y`);
    peer("skopeo", "copy", "-q", `oci:${at("theirs")}:x`, `docker-archive:${at("theirs-docker.tar")}:app:2`);
    const theirs = JSON.parse(peer("skopeo", "inspect", `oci:${at("theirs")}:x`)).Digest;
    expect(await copy(`oci:${at("theirs")}:x`, `${registry.host}/skopeo/a:1`)).toBe(theirs);
    expect(await copy(`oci-archive:${at("theirs.tar")}:y`, `${registry.host}/skopeo/b:1`)).toBe(theirs);
    await copy(`docker-archive:${at("theirs-docker.tar")}:app:2`, "strake:from-skopeo");
    expect((await strake.ok("images", "-q", "from-skopeo")).trim()).toBe(
      (await strake.ok("images", "-q", "busybox")).trim(),
    );
  });

  test.skipIf(program("umoci") === null)("umoci unpacks our layout", async () => {
    await copy("strake:busybox", `oci:${at("for-umoci")}:v1`);
    expect(peer("umoci", "ls", "--layout", at("for-umoci")).trim()).toBe("v1");
    peer("umoci", "unpack", "--rootless", "--image", `${at("for-umoci")}:v1`, at("unpacked"));
    expect(existsSync(at("unpacked/rootfs/bin/busybox"))).toBe(true);
  });

  test.each([
    ["oci:nowhere:1", "is no OCI image layout"],
    ["dir:/x", "does not copy from or to dir:"],
    ["strake:nothing-here", "nothing-here"],
  ])("%s fails with what is wrong", async (from, message) => {
    const { code, stderr } = await strake.run(["copy", from, "oci:out:1"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
    expect(existsSync(at("out"))).toBe(false);
  });
});
