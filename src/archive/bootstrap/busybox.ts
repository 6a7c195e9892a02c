import { closeSync, constants, existsSync, openSync, readSync, statSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { LayerWriter } from "../../layer/index.ts";
import type { Image, Lease, Store } from "../../store/index.ts";
import type { EntryHeader } from "../../tar/index.ts";
import { storeBaseImage } from "../import.ts";

export interface BootstrapBusyboxOptions {
  readonly env?: readonly string[];
  readonly lease: Lease;
}

const candidates = ["/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static"];

const folders: readonly (readonly [string, number])[] = [
  ...(["bin", "dev", "etc", "home", "proc"] as const).map((path) => [path, 0o755] as const),
  ["root", 0o700],
  ...(["sbin", "sys"] as const).map((path) => [path, 0o755] as const),
  ["tmp", 0o1777],
  ...(["usr", "usr/bin", "usr/sbin", "var"] as const).map((path) => [path, 0o755] as const),
  ["var/tmp", 0o1777],
];

const files: readonly [string, string][] = [
  [
    "etc/passwd",
    "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
  ],
  ["etc/group", "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n"],
];

/** Path of this machine's static busybox, if it has one. */
export function staticBusybox(): string | undefined {
  return candidates.find((path) => existsSync(path) && isStatic(path));
}

/** A tiny image: this machine's static busybox with a name for each of its programs. Errors: BOOTSTRAP_TOOL_MISSING. */
export async function bootstrapBusybox(store: Store, options: BootstrapBusyboxOptions): Promise<Image> {
  const program = staticBusybox();
  if (program === undefined)
    throw new StrakeError("BOOTSTRAP_TOOL_MISSING", "there is no static busybox on this machine", {
      hint: "apt-get install -y busybox-static",
    });
  const { size, mtimeMs } = statSync(program);
  const mtime = Math.floor(mtimeMs / 1000);
  const applets = namesOf(program);
  const writer = new LayerWriter(store.layers.begin(options.lease));
  try {
    const blank = { ...header, mtime };
    for (const [path, mode] of folders) writer.addEntry({ ...blank, type: "directory", path, mode });
    writer.addFile({ ...blank, path: "bin/busybox", mode: 0o755, size }, program);
    for (const path of applets)
      writer.addEntry({ ...blank, type: "hardlink", path, mode: 0o755, linkname: "bin/busybox" });
    for (const [path, text] of files)
      writer.addEntry({ ...blank, path, size: text.length }, Buffer.from(text));
    const layer = await writer.commit();
    const created = new Date(mtime * 1000).toISOString().replace(".000Z", "Z");
    return await storeBaseImage(store, {
      layer,
      config: {
        Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...(options.env ?? [])],
        Cmd: ["sh"],
      },
      created,
      history: [{ created, created_by: "strake bootstrap busybox" }],
      lease: options.lease,
    });
  } catch (error) {
    writer.abort();
    throw error;
  }
}

/** Where busybox would install each of its names. */
function namesOf(program: string): string[] {
  const { stdout, success } = Bun.spawnSync([program, "--list-full"], { stdin: "ignore", stderr: "ignore" });
  if (!success) throw new StrakeError("BOOTSTRAP_FAILED", `${program} --list-full failed`);
  const known = new Set(folders.map(([path]) => path));
  return [...new Set(stdout.toString().split("\n"))]
    .filter((path) => /^[a-z/]*\/[^/]+$/.test(path) && path !== "bin/busybox")
    .map((path) =>
      known.has(path.slice(0, path.lastIndexOf("/"))) ? path : `bin/${path.slice(path.lastIndexOf("/") + 1)}`,
    )
    .sort();
}

/** An executable with an interpreter segment (PT_INTERP, type 3) needs libraries that the image does not have. */
function isStatic(path: string): boolean {
  if (!(statSync(path).mode & constants.S_IXUSR)) return false;
  const bytes = firstBytes(path, 4096);
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) return false;
  const offset = Number(bytes.readBigUInt64LE(32));
  const length = bytes.readUInt16LE(54);
  const count = bytes.readUInt16LE(56);
  for (let i = 0; i < count; i++) {
    const at = offset + i * length;
    if (at + 4 <= bytes.length && bytes.readUInt32LE(at) === 3) return false;
  }
  return true;
}

function firstBytes(path: string, count: number): Buffer {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(count);
    return bytes.subarray(0, readSync(fd, bytes, 0, count, 0));
  } finally {
    closeSync(fd);
  }
}

const header: EntryHeader = {
  ...{ type: "file", path: "", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, mtimeNsec: 0 },
  ...{ linkname: "", uname: "", gname: "", devmajor: 0, devminor: 0 },
} as const;
