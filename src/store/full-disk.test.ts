import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../oci/index.ts";
import { mount, umount, umountFlags } from "../sys/index.ts";
import { temporaryStore } from "./fixture/temporary-store.ts";

/** Runs `work` on a file system of 8 MiB. Skips, saying so, where none can be mounted. */
async function onSmallDisk(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "strake-full-"));
  try {
    mount({ source: "tmpfs", target: folder, type: "tmpfs", data: "size=8m,mode=0700" });
  } catch (error) {
    console.log(`skipped: a tmpfs cannot be mounted here (${error})`);
    rmSync(folder, { recursive: true });
    return;
  }
  try {
    await work(folder);
  } finally {
    umount(folder, umountFlags.detach);
    rmSync(folder, { recursive: true });
  }
}

/** Fills the file system to the last byte. */
function fill(folder: string): void {
  const fd = openSync(join(folder, "ballast"), "w");
  for (let size = 1 << 20; size > 0; size >>= 1) {
    try {
      while (writeSync(fd, Buffer.alloc(size)) === size);
    } catch {
      // This size no longer fits.
    }
  }
  closeSync(fd);
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (let i = 0; ; i++) yield new Uint8Array(100_000).fill(i);
}

test("a blob that does not fit gives STORE_FULL and leaves nothing", () =>
  onSmallDisk(async (folder) => {
    using t = temporaryStore(folder);
    using lease = t.store.lease();
    await expect(t.store.blobs.put(endless(), { lease })).rejects.toMatchObject({
      code: "STORE_FULL",
      class: "exhausted",
    });
    expect(readdirSync(join(t.root, "blobs", "sha256"))).toEqual([]);
    expect(t.store.gc({ verify: true })).toMatchObject({ leftovers: [], problems: [] });
    // There is room again for what fits.
    expect((await t.store.blobs.put(new Uint8Array(1 << 20), { lease })).size).toBe(1 << 20);
  }));

test("a layer whose row cannot be written is taken back whole", () =>
  onSmallDisk(async (folder) => {
    using t = temporaryStore(folder);
    using lease = t.store.lease();
    const written = Array.from({ length: 50 }, (_, i) => {
      const transaction = t.store.layers.begin(lease);
      writeFileSync(transaction.tarPath, `layer ${i}`);
      writeFileSync(transaction.indexPath, "index");
      return { transaction, diffID: sha256(`layer ${i}`) };
    });
    fill(folder);
    const outcomes = await Promise.allSettled(
      written.map(({ transaction, diffID }) => transaction.commit(diffID, { size: 7, entries: 1 })),
    );
    const failures = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(failures.length).toBeGreaterThan(0);
    for (const { reason } of failures) expect(reason).toMatchObject({ code: "STORE_FULL" });
    expect(readdirSync(join(t.root, "layers"))).toHaveLength(t.store.layers.list().length);
    rmSync(join(folder, "ballast"));
    expect(t.store.gc({ dryRun: true, verify: true })).toMatchObject({ leftovers: [] });
  }));

test("a full disk can be emptied by gc", () =>
  onSmallDisk(async (folder) => {
    using t = temporaryStore(folder);
    const lease = t.store.lease();
    const { digest } = await t.store.blobs.put(new Uint8Array(3 << 20), { lease });
    lease.release();
    fill(folder);
    // Rows appended until not even the write-ahead log can grow.
    const stuffing = () => {
      for (let i = 0; ; i++) t.store.networks.create({ id: `${i}`, name: `${i}`, state: "x".repeat(4000) });
    };
    expect(stuffing).toThrow(expect.objectContaining({ code: "STORE_FULL" }));
    expect(t.store.gc({ verify: true })).toMatchObject({ blobs: [{ digest }], problems: [] });
    const again = t.store.lease();
    expect((await t.store.blobs.put(new Uint8Array(2 << 20), { lease: again })).size).toBe(2 << 20);
    again.release();
  }));
