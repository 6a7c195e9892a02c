/**
 * Where the time of a cold COPY's layer goes: 20,000 files of together about 92 MB are walked, put into a layer and
 * committed to a fresh store. Run: `bun bench/micro/copy.ts [rounds]`. The first round is the one a `build` process sees.
 */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LayerWriter } from "../../src/layer/index.ts";
import { Store } from "../../src/store/index.ts";
import type { EntryHeader } from "../../src/tar/index.ts";

const fileCount = 20_000;
const folderCount = 200;
const rounds = Number(process.argv[2] ?? 3);

const home = mkdtempSync(join(tmpdir(), "strake-bench-copy-"));
try {
  const context = join(home, "context");
  const total = makeContext(context);
  // A context is seldom written the moment before it is built: without this the disk is busy with it.
  Bun.spawnSync(["sync", "-f", context]);
  console.log(`${fileCount} files, ${(total / 1e6).toFixed(0)} MB`);
  for (let round = 1; round <= rounds; round++) await copy(context, join(home, `root-${round}`), round);
} finally {
  rmSync(home, { recursive: true, force: true });
}

async function copy(context: string, root: string, round: number): Promise<void> {
  const clock = new Clock();
  const store = Store.open({ root, runRoot: join(root, "run") });
  const lease = store.lease("bench");
  const writer = new LayerWriter(store.layers.begin(lease));
  clock.lap("open store");
  const found = walk(context);
  clock.lap("walk and lstat");
  for (const [i, { header, path }] of found.entries()) {
    // As the builder does: between batches finished writes are told to the writer.
    if (i % 500 === 0) await new Promise(setImmediate);
    if (header.type === "directory") writer.addEntry(header);
    else writer.addFile(header, path);
  }
  clock.lap("read, hash, write, index");
  const layer = await writer.commit();
  clock.lap("finish index, fsync, commit");
  lease.release();
  store.close();
  console.log(
    `round ${round}: ${clock}  rss ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB  ${layer.diffID}`,
  );
}

function walk(context: string): { header: EntryHeader; path: string }[] {
  const found: { header: EntryHeader; path: string }[] = [];
  const visit = (folder: string, prefix: string) => {
    for (const name of readdirSync(folder).sort()) {
      const path = `${folder}/${name}`;
      const stat = lstatSync(path);
      const directory = stat.isDirectory();
      const header: EntryHeader = {
        type: directory ? "directory" : "file",
        path: directory ? `${prefix}${name}/` : prefix + name,
        mode: stat.mode & 0o7777,
        uid: 0,
        gid: 0,
        size: directory ? 0 : stat.size,
        mtime: Math.floor(stat.mtimeMs / 1000),
        mtimeNsec: 0,
        linkname: "",
        uname: "",
        gname: "",
        devmajor: 0,
        devminor: 0,
      };
      found.push({ header, path });
      if (directory) visit(path, header.path);
    }
  };
  visit(context, "app/");
  return found;
}

/** Deterministic content that does not compress to nothing; sizes from 200 to 9,200 bytes. */
function makeContext(context: string): number {
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  const pool = Buffer.alloc(1 << 20);
  for (let i = 0; i < pool.length; i++) pool[i] = random() * 256;
  let total = 0;
  for (let i = 0; i < fileCount; i++) {
    const folder = join(context, `module-${i % folderCount}`);
    if (i < folderCount) mkdirSync(folder, { recursive: true });
    const size = Math.floor(200 + random() * 9000);
    const from = (i * 37) % (pool.length - size);
    writeFileSync(join(folder, `file-${i}.js`), pool.subarray(from, from + size));
    total += size;
  }
  return total;
}

class Clock {
  readonly #start = performance.now();
  #last = this.#start;
  readonly #laps: string[] = [];

  lap(name: string): void {
    const now = performance.now();
    this.#laps.push(`${name} ${(now - this.#last).toFixed(0)} ms`);
    this.#last = now;
  }

  toString(): string {
    return `${(this.#last - this.#start).toFixed(0)} ms (${this.#laps.join(", ")})`;
  }
}
