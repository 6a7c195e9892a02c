import { chmodSync, createReadStream, mkdirSync } from "node:fs";
import { StrakeError, throwIfAborted } from "../../errors/index.ts";
import { type Emit, emitNothing } from "../../events/index.ts";
import { LayerWriter } from "../../layer/index.ts";
import type { Image, Lease, Store } from "../../store/index.ts";
import { type Entry, type EntryHeader, readTar, TarScanner } from "../../tar/index.ts";
import { storeBaseImage } from "../import.ts";
import { additions } from "./additions.ts";
import { encloseCommand } from "./enclosed.ts";
import { fateOf, plainPath, settleShadow } from "./tidy.ts";

export interface BootstrapDebianOptions {
  /** A code name or number: `bookworm`, `12`. */
  readonly suite: string;
  /** More packages. */
  readonly include?: readonly string[];
  /** mmdebstrap's variant; `minbase` when absent. */
  readonly variant?: string;
  readonly mirror?: string;
  /** `NAME=value` for the image's environment beside PATH. */
  readonly env?: readonly string[];
  readonly lease: Lease;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

const suites: Readonly<Record<string, string>> = {
  "11": "bullseye",
  "12": "bookworm",
  "13": "trixie",
  "": "bookworm",
};

/** The code name of a suite given by name or number. Errors: USAGE. */
export function suiteName(text: string): string {
  const name = suites[text] ?? text;
  if (/^[a-z][a-z0-9.-]*$/.test(name)) return name;
  throw new StrakeError("USAGE", `${JSON.stringify(text)} is not a Debian suite`, {
    hint: "for example bookworm, trixie or 12",
  });
}

/**
 * A minimal Debian by mmdebstrap, without documentation, as an image of one layer. The same package versions give the same image:
 * no time of the run is left in it. Errors: BOOTSTRAP_TOOL_MISSING, BOOTSTRAP_FAILED, STORE_FULL, CANCELED.
 */
export async function bootstrapDebian(store: Store, options: BootstrapDebianOptions): Promise<Image> {
  const suite = suiteName(options.suite);
  const started = Math.floor(Date.now() / 1000);
  using scratch = store.scratch();
  const folder = `${scratch.path}/tmp`;
  mkdirSync(folder);
  chmodSync(folder, 0o1777);
  await runMmdebstrap(suite, folder, options);
  const tar = `${folder}/${tarName}`;
  throwIfAborted(options.signal);

  const newest = await newestFile(tar, started);
  const layer = await writeLayer(store, tar, { newest, ...options });
  const created = new Date(newest * 1000).toISOString().replace(".000Z", "Z");
  const packages = (options.include ?? []).toSorted();
  return await storeBaseImage(store, {
    layer,
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...(options.env ?? [])],
      Cmd: ["bash"],
    },
    created,
    history: [
      {
        created,
        created_by: `strake bootstrap debian:${suite}${packages.length > 0 ? ` --include ${packages.join(",")}` : ""}`,
        comment: `mmdebstrap ${options.variant ?? "minbase"}`,
      },
    ],
    lease: options.lease,
  });
}

/** What Debian's slim images leave out too: nobody reads manuals in a container. Copyright files stay, as licences ask. */
const leftOut = [
  ...["path-exclude=/usr/share/man/*", "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/groff/*"],
  ...[
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/linda/*",
    "path-exclude=/usr/share/locale/*",
  ],
  ...["path-include=/usr/share/locale/locale.alias", "path-exclude=/usr/share/doc/*"],
  "path-include=/usr/share/doc/*/copyright",
];

const tarName = "root.tar";

/** Makes the tar in the folder, which also has all that is temporary. */
async function runMmdebstrap(suite: string, folder: string, options: BootstrapDebianOptions): Promise<void> {
  const { signal, emit = emitNothing } = options;
  const program = Bun.which("mmdebstrap");
  if (program === null)
    throw new StrakeError("BOOTSTRAP_TOOL_MISSING", "mmdebstrap is not installed", {
      hint: "apt-get install -y mmdebstrap",
    });
  const step = `bootstrap debian:${suite}`;
  emit({
    type: "step.started",
    step,
    name: `[bootstrap] mmdebstrap ${suite}`,
    kind: "bootstrap",
    at: Date.now(),
  });
  const { command, environment } = encloseCommand(
    (seen) => [
      program,
      `--variant=${options.variant ?? "minbase"}`,
      "--format=tar",
      ...leftOut.map((option) => `--dpkgopt=${option}`),
      '--aptopt=Acquire::Languages "none"',
      ...((options.include?.length ?? 0) > 0 ? [`--include=${options.include!.join(",")}`] : []),
      suite,
      `${seen}/${tarName}`,
      ...(options.mirror === undefined ? [] : [options.mirror]),
    ],
    folder,
  );
  const child = Bun.spawn([...command], {
    cwd: "/",
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // mmdebstrap would clamp every time to SOURCE_DATE_EPOCH; ours comes from the packages, below.
    env: { ...process.env, ...environment, SOURCE_DATE_EPOCH: undefined, LC_ALL: "C" },
  });
  // Its pipes end with the last of its processes: nothing writes to the scratch folder any more when this returns.
  const abort = () => child.kill(environment.TMPDIR === undefined ? "SIGTERM" : "SIGKILL");
  signal?.addEventListener("abort", abort, { once: true });
  let said = "";
  const listen = async (stream: ReadableStream<Uint8Array>) => {
    for await (const data of stream) {
      said = (said + Buffer.from(data).toString()).slice(-4000);
      emit({ type: "step.log", step, stream: "stderr", data, at: Date.now() });
    }
  };
  try {
    const [status] = await Promise.all([child.exited, listen(child.stdout), listen(child.stderr)]);
    const outcome = signal?.aborted ? "canceled" : status === 0 ? "done" : "failed";
    emit({ type: "step.done", step, outcome, at: Date.now() });
    throwIfAborted(signal);
    if (status !== 0) throw failure(status, said);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

function failure(status: number, said: string): StrakeError {
  const lines = said.split("\n").filter((line) => /^[EW]: |error/i.test(line));
  const why = lines.slice(-3).join("; ") || said.trim().split("\n").at(-1) || `exit code ${status}`;
  return new StrakeError("BOOTSTRAP_FAILED", `mmdebstrap failed: ${why}`, {
    hint: "can this machine reach the Debian mirror? --mirror names another one",
  });
}

/**
 * The newest time that a package brought: what is older than this run. It changes when a package does and not otherwise, so it stands
 * for the time of everything the installation itself wrote.
 */
async function newestFile(tar: string, before: number): Promise<number> {
  let newest = 0;
  const scanner = new TarScanner({
    onEntry: (entry) => {
      if (entry.type === "file" && entry.mtime < before && entry.mtime > newest) newest = entry.mtime;
    },
  });
  for await (const chunk of createReadStream(tar, { highWaterMark: 1 << 20 }))
    scanner.write(chunk as Uint8Array);
  scanner.end();
  return newest;
}

interface WriteOptions {
  readonly newest: number;
  readonly lease: Lease;
  readonly signal?: AbortSignal;
  readonly emit?: Emit;
}

/** Small files are read whole; larger ones flow. */
const wholeLimit = 1 << 20;

async function writeLayer(
  store: Store,
  tar: string,
  { newest, lease, signal, emit = emitNothing }: WriteOptions,
) {
  const step = "bootstrap layer";
  emit({
    type: "step.started",
    step,
    name: "[bootstrap] write the layer",
    kind: "bootstrap",
    at: Date.now(),
  });
  const writer = new LayerWriter(store.layers.begin(lease));
  try {
    const source = createReadStream(tar, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
    for await (const { entry, body } of readTar(source, signal ? { signal } : {})) {
      const path = plainPath(entry.path);
      const fate = path === "" ? "drop" : fateOf(path, entry.type);
      if (fate === "drop") continue;
      const header = settle(entry, path, newest);
      if (fate === "empty") writer.addEntry({ ...header, size: 0 });
      else if (entry.type !== "file") writer.addEntry(header);
      else if (entry.size > wholeLimit) await writer.addStream(header, body);
      else {
        const content = await contentOf(path, body, newest);
        writer.addEntry({ ...header, size: content.length }, content);
      }
    }
    for (const { path, mode, text } of additions) {
      const content = Buffer.from(text);
      writer.addEntry({ ...fileHeader, path, mode, size: content.length, mtime: newest }, content);
    }
    const layer = await writer.commit();
    emit({ type: "step.done", step, outcome: "done", at: Date.now() });
    return layer;
  } catch (error) {
    writer.abort();
    throw error;
  }
}

function settle(entry: Entry, path: string, newest: number): EntryHeader {
  const { type, mode, uid, gid, size, devmajor, devminor, xattrs } = entry;
  return {
    ...{ type, mode, uid, gid, size, devmajor, devminor },
    path,
    linkname: type === "hardlink" ? plainPath(entry.linkname) : entry.linkname,
    mtime: Math.min(entry.mtime, newest),
    mtimeNsec: 0,
    uname: "",
    gname: "",
    ...(xattrs === undefined ? {} : { xattrs }),
  };
}

async function contentOf(path: string, body: AsyncIterable<Uint8Array>, newest: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part.slice());
  const content = Buffer.concat(parts);
  return path === "etc/shadow"
    ? Buffer.from(settleShadow(content.toString("latin1"), newest), "latin1")
    : content;
}

const fileHeader: EntryHeader = {
  ...{ type: "file", path: "", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, mtimeNsec: 0 },
  ...{ linkname: "", uname: "", gname: "", devmajor: 0, devminor: 0 },
} as const;
