import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeManifest, mediaTypes, sha256 } from "../../src/oci/index.ts";
import { Remote } from "../../src/registry/client/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { makeStrake, type Strake } from "../support/strake.ts";
import { userEnv } from "../support/user-env.ts";

let strake: Strake;
let registry: Registry;
const at = (name: string) => join(strake.home, name);
const type = ["--artifact-type", "application/vnd.example.model"];

beforeAll(async () => {
  strake = makeStrake();
  registry = await Registry.start();
});
afterAll(async () => {
  await registry.stop();
  await strake.remove();
});

/** An artifact whose one file has this name, put there by somebody who does not mean well. */
async function hostile(path: string, name: string): Promise<string> {
  using remote = new Remote({ env: userEnv(strake.home) });
  const repository = await remote.repository({ domain: registry.host, path });
  const put = async (text: string, mediaType: string) => {
    const bytes = new TextEncoder().encode(text);
    const blob = { mediaType, digest: sha256(bytes), size: bytes.length };
    await repository.uploadBlob(blob, { open: (start, end) => [bytes.subarray(start, end)] });
    return blob;
  };
  const raw = encodeManifest({
    ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest, artifactType: "text/x-bad" },
    config: await put("{}", mediaTypes.ociEmpty),
    layers: [
      { ...(await put("evil", "text/plain")), annotations: { "org.opencontainers.image.title": name } },
    ],
  });
  await repository.putManifest("1", { raw, mediaType: mediaTypes.ociManifest });
  return `${registry.host}/${path}:1`;
}

describe("artifacts", () => {
  test("a push tells what is sent and what was there", async () => {
    writeFileSync(at("model.bin"), randomBytes(3 << 20));
    const name = `${registry.host}/models/told:1`;
    const push = () => strake.run(["artifact", "push", "--progress", "plain", ...type, name, "model.bin"]);
    const [first, again] = [await push(), await push()];
    expect(first.stderr).toMatch(/#2 push [0-9a-f]{12} 3.15MB\n/);
    expect(first.stderr).toContain("\npushed 2 blobs, 3.15MB in ");
    expect(again).toEqual({
      ...{ code: 0, stdout: first.stdout },
      stderr: expect.stringContaining("\npushed nothing; already there: 2 blobs, 3.15MB\n"),
    });
    const attached = await strake.run([
      "artifact",
      "attach",
      "--progress",
      "quiet",
      ...type,
      name,
      "model.bin",
    ]);
    expect([attached.code, attached.stderr]).toEqual([0, ""]);
  });

  test("files come back as they were, with their types", async () => {
    const weights = randomBytes(3 << 20);
    writeFileSync(at("weights.bin"), weights);
    writeFileSync(at("card.md"), "# card\n");
    writeFileSync(at("empty"), "");
    const name = `${registry.host}/models/one:1`;
    const pushed = await strake.ok(
      "artifact",
      "push",
      ...type,
      name,
      "weights.bin",
      "card.md:text/markdown",
      "empty",
    );
    expect(pushed.trim()).toBe((await strake.ok("digest", name)).trim());
    const manifest = JSON.parse(await strake.ok("manifest", "inspect", name));
    expect(manifest).toMatchObject({
      artifactType: "application/vnd.example.model",
      config: { mediaType: mediaTypes.ociEmpty },
      layers: [{ mediaType: "application/octet-stream" }, { mediaType: "text/markdown" }, { size: 0 }],
    });
    expect(await strake.ok("artifact", "pull", "-o", "out", name)).toBe(
      "out/weights.bin\nout/card.md\nout/empty\n",
    );
    expect(readFileSync(at("out/weights.bin")).equals(weights)).toBe(true);
    expect(readFileSync(at("out/card.md"), "utf8")).toBe("# card\n");
    expect(readdirSync(at("out")).sort()).toEqual(["card.md", "empty", "weights.bin"]);

    const again = await strake.run(["artifact", "pull", "-o", "out", name]);
    expect(again.code).not.toBe(0);
    expect(again.stderr).toContain("exists already");
    writeFileSync(at("out/card.md"), "mine");
    await strake.ok("artifact", "pull", "--force", "-o", "out", name);
    expect(readFileSync(at("out/card.md"), "utf8")).toBe("# card\n");
  });

  test.each(["../escape", "/etc/escape", "a/../../escape", "..", "", "a//b", "a\\..\\b"])(
    "a file named %j is refused and nothing is written",
    async (name) => {
      const reference = await hostile("bad/names", name);
      const { code, stderr } = await strake.run(["artifact", "pull", "-o", "bad", reference]);
      expect(code).not.toBe(0);
      expect(stderr).toContain("no plain relative path");
      expect(existsSync(at("bad"))).toBe(false);
      expect(existsSync(at("escape"))).toBe(false);
    },
  );

  test("nothing is written through links that are there", async () => {
    mkdirSync(at("linked"));
    mkdirSync(at("outside"));
    symlinkSync(at("outside"), at("linked/sub"));
    writeFileSync(at("kept"), "kept");
    symlinkSync(at("kept"), at("linked/file"));
    const { code, stderr } = await strake.run([
      "artifact",
      "pull",
      "-o",
      "linked",
      await hostile("bad/links", "sub/x"),
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("symbolic link");
    expect(readdirSync(at("outside"))).toEqual([]);
    const file = await hostile("bad/file", "file");
    expect((await strake.run(["artifact", "pull", "-o", "linked", file])).code).not.toBe(0);
    await strake.ok("artifact", "pull", "--force", "-o", "linked", file);
    expect(readFileSync(at("kept"), "utf8")).toBe("kept");
    expect(readFileSync(at("linked/file"), "utf8")).toBe("evil");
  });

  test("folders and missing files are no artifact", async () => {
    for (const file of ["no-such-file", "."]) {
      const { code, stderr } = await strake.run(["artifact", "push", ...type, `${registry.host}/x:1`, file]);
      expect(code).not.toBe(0);
      expect(stderr).toContain(at(file === "." ? "" : file).replace(/\/$/, ""));
    }
    const odd = await strake.run([
      "artifact",
      "push",
      "--artifact-type",
      "odd",
      `${registry.host}/x:1`,
      "card.md",
    ]);
    expect([odd.code, odd.stderr]).toEqual([1, expect.stringContaining("media type")]);
  });
});
