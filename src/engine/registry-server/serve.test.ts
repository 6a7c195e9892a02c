import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "../index.ts";

test("a registry in memory on a free port", async () => {
  await using registry = await serveRegistry({ storage: "memory", listen: "127.0.0.1:0" });
  expect((await fetch(`${registry.url}v2/`)).status).toBe(200);
});

test("a folder is served once, and given back", async () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-serve-"));
  try {
    const request = { storage: folder, listen: "127.0.0.1:0" };
    {
      await using registry = await serveRegistry(request);
      await expect(serveRegistry(request)).rejects.toMatchObject({ code: "REGISTRY_STORAGE_BUSY" });
      const taken = { storage: "memory", listen: registry.host };
      await expect(serveRegistry(taken)).rejects.toMatchObject({ code: "PORT_BUSY" });
    }
    await using _again = await serveRegistry(request);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each([
  [{ listen: "0.0.0.0:0" }, "REGISTRY_OPEN", /other machines/],
  [{ listen: ":0" }, "REGISTRY_OPEN", /other machines/],
  [{ listen: "127.0.0.1" }, "REGISTRY_SERVER_CONFIG", /ADDRESS:PORT/],
  [{ listen: "127.0.0.1:65536" }, "REGISTRY_SERVER_CONFIG", /ADDRESS:PORT/],
  [{ settings: { listn: ":0" } }, "REGISTRY_SERVER_CONFIG", /listn: there is no such setting/],
  [{ config: "/absent/registry.toml" }, "REGISTRY_SERVER_CONFIG", /cannot be read/],
  [{ storage: "s3:bucket" }, "USAGE", /s3:\/\/BUCKET/],
  [{ storage: "s3://bucket/../other" }, "USAGE", /s3:\/\/BUCKET/],
  [
    { storage: "s3://bucket", env: { HOME: "/nowhere", AWS_EC2_METADATA_DISABLED: "true" } },
    "REGISTRY_STORAGE",
    /no credentials for S3 are found: asked the environment .* the EC2 instance/,
  ],
] as const)("refuses %j", async (request, code, message) => {
  const outcome = serveRegistry({ storage: "memory", listen: "127.0.0.1:0", ...request });
  await expect(outcome).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test("a flag's storage takes the place of the file's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-serve-place-"));
  try {
    const config = join(folder, "r.toml");
    writeFileSync(config, 'listen = "127.0.0.1:0"\nstorage = { driver = "s3", bucket = "images" }\n');
    for (const settings of [
      { storage: { driver: "memory" } },
      { storage: { driver: "files", root: join(folder, "x") } },
    ]) {
      await using registry = await serveRegistry({ config, settings });
      expect((await fetch(`${registry.url}v2/`)).status).toBe(200);
    }
    const merged = serveRegistry({
      config,
      settings: { storage: { endpoint: "http://127.0.0.1:1" } },
      env: {},
    });
    await expect(merged).rejects.toThrow("credentials");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
