import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { swap } from "../../../test/support/swapper.ts";
import { digestHex, sha256 } from "../../oci/index.ts";
import { OciLayout } from "./oci-layout.ts";

/** A layout in which somebody else exchanges a folder for a link that leads out, while we work in it. */
let home: string;
let layout: OciLayout;
const blobs = (...names: string[]) => join(home, "layout/blobs", ...names);
const secret = Buffer.from("what stands outside");
const blob = { digest: sha256(secret), size: secret.length };

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-race-"));
  layout = OciLayout.create(join(home, "layout"));
  mkdirSync(blobs("sha256"), { recursive: true });
  mkdirSync(join(home, "outside/sha256"), { recursive: true });
  symlinkSync(join(home, "outside"), join(home, "layout/link"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** What went through and what was refused, of many attempts. */
async function attempts(count: number, work: (i: number) => Promise<void>) {
  const outcome = { done: 0, refused: 0 };
  for (let i = 0; i < count; i++)
    try {
      await work(i);
      outcome.done++;
    } catch {
      outcome.refused++;
    }
  return outcome;
}

test("nothing is written outside", async () => {
  await using _ = await swap(join(home, "layout"), ["blobs", "link"]);
  const { done, refused } = await attempts(250, async (i) => {
    const bytes = Buffer.from(String(i));
    const source = { open: (start: number, end: number) => [bytes.subarray(start, end)] };
    await layout.uploadBlob({ digest: sha256(bytes), size: bytes.length }, source);
  });
  expect([done > 0, refused > 0]).toEqual([true, true]);
  expect(readdirSync(join(home, "outside/sha256"))).toEqual([]);
});

test("nothing outside is read", async () => {
  writeFileSync(join(home, "outside/sha256", digestHex(blob.digest)), secret);
  const decoy = Buffer.alloc(secret.length, "x");
  writeFileSync(blobs("sha256", digestHex(blob.digest)), decoy);
  const read = new Set<string>();
  await using _ = await swap(join(home, "layout"), ["blobs", "link"]);
  const { refused } = await attempts(1500, async () => {
    for await (const chunk of layout.openBlob(blob)) read.add(Buffer.from(chunk).toString());
  });
  expect([[...read], refused > 0]).toEqual([[decoy.toString()], true]);
});
