import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Remote } from "../../src/registry/client/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { examine, type LayeredImage, makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { makeStrake, type Strake } from "../support/strake.ts";
import { userEnv } from "../support/user-env.ts";

let strake: Strake;
let [source, target]: Registry[] = [];
let [from, to] = ["", ""];
let image: LayeredImage;

beforeAll(async () => {
  strake = makeStrake();
  [source, target] = [await Registry.start(), await Registry.start()];
  [from, to] = [`${source.host}/team/app`, `${target.host}/copies/app`];
  image = await makeLayeredImage([1000, 2000]);
  await pushLayeredImage(image, source.host, "team/app");
  await strake.ok("copy", `${from}:1`, `${from}:latest`);
});
afterAll(async () => {
  for (const registry of [source!, target!]) await registry.stop();
  await strake.remove();
});

const copyAll = (...flags: string[]) => strake.run(["copy", "--all-tags", ...flags, from, to]);
const summary = ({ stderr }: { stderr: string }) => stderr.trim().split("\n").at(-1);

test("all tags arrive, then only what is new moves", async () => {
  const first = await copyAll();
  expect([first.code, summary(first)]).toEqual([0, "2 tags copied, 0 there already, 0 failed"]);
  expect(first.stdout).toBe(["1", "latest"].map((tag) => `${to}:${tag}: digest: ${image.digest}\n`).join(""));
  expect(await examine(image, target!.host, "copies/app")).toBe(image.blobs.size + 1);
  expect(summary(await copyAll())).toBe("0 tags copied, 2 there already, 0 failed");

  const other = await makeLayeredImage([500]);
  await pushLayeredImage(other, source!.host, "team/other");
  await strake.ok("copy", `${source!.host}/team/other:1`, `${from}:latest`);
  const third = await copyAll();
  expect([third.code, summary(third)]).toEqual([0, "1 tags copied, 1 there already, 0 failed"]);
  expect((await strake.ok("digest", `${to}:latest`)).trim()).toBe(other.digest);
  await strake.ok("copy", `${to}:1`, `${to}:only-here`);
  await copyAll();
  expect(await strake.ok("tags", to)).toBe("1\nlatest\nonly-here\n");
});

test("a tag that cannot be had is named; the others are copied, and the exit code tells", async () => {
  const [broken, whole] = [await makeLayeredImage([300]), await makeLayeredImage([400])];
  await pushLayeredImage(broken, source!.host, "team/app");
  await strake.ok("copy", `${from}:1`, `${from}:broken`);
  await pushLayeredImage(whole, source!.host, "team/app");
  await strake.ok("copy", `${from}:1`, `${from}:whole`);
  using remote = new Remote({ env: userEnv(strake.home) });
  const repository = await remote.repository({ domain: source!.host, path: "team/app" });
  await repository.deleteBlob(broken.layers[0]!);
  const { code, stderr, stdout } = await copyAll();
  expect(code).not.toBe(0);
  expect(stderr).toContain("tag broken was not copied: error: ");
  expect(stderr).toContain(broken.layers[0]!);
  expect(stderr).not.toContain("tag whole");
  expect(stdout).toContain(`${to}:whole: digest: ${whole.digest}\n`);
  expect(await strake.ok("tags", to)).not.toContain("broken");
  await repository.deleteManifest(broken.digest);
});

test("with --referrers what came later to a tag that is there comes too", async () => {
  await copyAll();
  writeFileSync(join(strake.home, "sbom.json"), "{}");
  await strake.ok("attach", "--artifact-type", "text/x-sbom", `${from}:whole`, "sbom.json");
  expect(summary(await copyAll())).toMatch(/^0 tags copied/);
  expect(await strake.ok("referrers", `${to}:whole`)).toBe("");
  expect((await copyAll("--referrers")).code).toBe(0);
  expect(await strake.ok("referrers", `${to}:whole`)).toContain("text/x-sbom");
});

test("places that are no repository are refused before anything is asked", async () => {
  for (const [one, other] of [
    [`${from}:1`, to],
    [from, `${to}:1`],
    ["oci:layout", to],
    [from, "strake:app"],
  ]) {
    const { code, stderr } = await strake.run(["copy", "--all-tags", one!, other!]);
    expect([code, stderr.startsWith("error: all tags are copied ")]).toEqual([1, true]);
  }
  const { code, stderr } = await strake.run(["copy", "--all-tags", `${source!.host}/no/such`, to]);
  expect(code).not.toBe(0);
  expect(stderr).toContain("no/such");
});
