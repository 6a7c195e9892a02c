import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "../../src/registry/server/index.ts";
import { type LayeredImage, makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { type ServedRegistry, serveRegistry } from "../support/serve-registry.ts";
import { makeStrake } from "../support/strake.ts";

/** strake pulls what it was told nothing about through `strake registry serve --proxy`, led there by a hosts.toml alone. */
const folder = mkdtempSync(join(tmpdir(), "strake-hosts-e2e-"));
let origin: Awaited<ReturnType<typeof Registry.start>>;
let cache: ServedRegistry;
let image: LayeredImage;

beforeAll(async () => {
  origin = await Registry.start();
  image = await makeLayeredImage([100_000, 200_000]);
  await pushLayeredImage(image, origin.host, "team/app");
  cache = await serveRegistry([
    ...["--listen", "127.0.0.1:0", "--storage", join(folder, "cache")],
    ...["--proxy", `hub=http://${origin.host}`],
  ]);
});
afterAll(async () => {
  await cache.kill("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
});

test("the cache holds the image for all who come after, the registry itself gone", async () => {
  const certs = join(folder, "certs.d", "_default");
  mkdirSync(certs, { recursive: true });
  writeFileSync(
    join(certs, "hosts.toml"),
    `[host."http://${cache.host}"]\ncapabilities = ["pull", "resolve"]\n`,
  );
  const env = { STRAKE_CERTS_DIR: join(folder, "certs.d") };
  const name = `${origin.host}/team/app:1`;
  const pull = async () => {
    const strake = makeStrake();
    try {
      const pulled = await strake.run(["pull", "--progress", "plain", name], { env });
      const digest = await strake.run(["digest", name], { env });
      return { ...pulled, digest: digest.stdout.trim() };
    } finally {
      await strake.remove();
    }
  };
  const first = await pull();
  expect([first.code, first.stderr.includes("mirror"), first.digest]).toEqual([0, false, image.digest]);
  await origin[Symbol.asyncDispose]();
  const second = await pull();
  expect([second.code, second.stderr.includes("mirror"), second.digest]).toEqual([0, false, image.digest]);
});
