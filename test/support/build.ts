import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type BuildOptions, type BuildResult, build } from "../../src/build/index.ts";
import type { StrakeEvent } from "../../src/events/index.ts";
import { ingestTar, Tree } from "../../src/layer/index.ts";
import {
  type ContainerConfig,
  decodeConfig,
  encodeConfig,
  parseReference,
  sha256,
} from "../../src/oci/index.ts";
import { Store } from "../../src/store/index.ts";
import { makeBusyboxTar } from "./busybox.ts";

/** A file's content; `-> target` a symlink, null an empty folder, an object for content with a mode. */
export type FileSpec = string | Uint8Array | null | { readonly content: string; readonly mode: number };

/** Writes files below a folder, with a time in the past so that no clock tick makes them suspect. */
export function writeFiles(root: string, files: Readonly<Record<string, FileSpec>>): void {
  for (const [name, spec] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (spec === null) mkdirSync(path, { recursive: true });
    else if (typeof spec === "string" && spec.startsWith("-> ")) symlinkSync(spec.slice(3), path);
    else if (typeof spec === "string" || spec instanceof Uint8Array) writeFileSync(path, spec);
    else {
      writeFileSync(path, spec.content);
      chmodSync(path, spec.mode);
    }
    if (!(typeof spec === "string" && spec.startsWith("-> "))) utimesSync(path, 1_600_000_000, 1_600_000_000);
  }
}

/** One line for each step: `COPY . /: cached`. */
export function outcomes(events: readonly StrakeEvent[]): string[] {
  const names = new Map<string, string>();
  const lines: string[] = [];
  for (const event of events) {
    if (event.type === "step.started") names.set(event.step, event.name);
    if (event.type === "step.done") lines.push(`${names.get(event.step)}: ${event.outcome}`);
  }
  return lines;
}

/** A store and a context of its own, taken away by `remove`. */
export class BuildWorkshop {
  readonly folder = mkdtempSync(join(tmpdir(), "strake-build-"));
  readonly context = join(this.folder, "context");
  readonly store: Store;

  constructor(files: Readonly<Record<string, FileSpec>> = {}) {
    mkdirSync(this.context);
    this.store = Store.open({ root: join(this.folder, "root"), runRoot: join(this.folder, "run") });
    this.write(files);
  }

  write(files: Readonly<Record<string, FileSpec>>): void {
    writeFiles(this.context, files);
  }

  /** Adds the image `busybox` with this configuration. */
  async addBusybox(
    config: ContainerConfig = { Env: ["PATH=/bin"], Cmd: ["sh"] },
    name = "busybox",
  ): Promise<void> {
    await this.addImage(name, config, makeBusyboxTar());
  }

  /** Adds an image of one layer. */
  async addImage(name: string, config: ContainerConfig, tar: Uint8Array): Promise<void> {
    using lease = this.store.lease("test");
    const chunks = (async function* () {
      yield tar;
    })();
    const { diffID } = await ingestTar(this.store, chunks, { lease });
    const bytes = encodeConfig({
      architecture: "amd64",
      os: "linux",
      created: "2024-01-01T00:00:00Z",
      config,
      rootfs: { type: "layers", diff_ids: [diffID] },
      history: [{ created: "2024-01-01T00:00:00Z", created_by: "import" }],
    });
    await this.store.blobs.put(bytes, { lease });
    this.store.images.put({ configDigest: sha256(bytes), lease });
    this.store.images.tag(parseReference(name), sha256(bytes));
  }

  /** Builds a Dockerfile given as text; the host lends nothing. */
  async build(dockerfile: string, options: Partial<BuildOptions> = {}): Promise<Built> {
    const events: StrakeEvent[] = [];
    const result = await build({
      store: this.store,
      context: this.context,
      dockerfile,
      hostCA: "off",
      hostProxy: false,
      network: "none",
      emit: (event) => events.push(event),
      ...options,
    });
    return new Built(this.store, result, events);
  }

  remove(): void {
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A finished build, looked at without mounting. */
export class Built {
  readonly result: BuildResult;
  readonly events: readonly StrakeEvent[];
  readonly #store: Store;

  constructor(store: Store, result: BuildResult, events: readonly StrakeEvent[]) {
    this.#store = store;
    this.result = result;
    this.events = events;
  }

  get id(): string {
    return this.result.imageID;
  }

  get config() {
    return decodeConfig(this.#store.blobs.readSync(this.result.imageID)).value;
  }

  get history(): string[] {
    return (this.config.history ?? []).map(
      ({ created_by, empty_layer }) => `${empty_layer ? "- " : "+ "}${created_by}`,
    );
  }

  get outcomes(): string[] {
    return outcomes(this.events);
  }

  get log(): string {
    const parts = this.events.flatMap((event) =>
      event.type === "step.log" ? [Buffer.from(event.data)] : [],
    );
    return Buffer.concat(parts).toString();
  }

  /** Everything in the image: path to `type mode uid:gid content`. Content only of small files. */
  files(below = "/"): Record<string, string> {
    using tree = this.tree();
    const found: Record<string, string> = {};
    for (const { path, node } of tree.walk(below)) {
      if (path === below) continue;
      const owner = node.uid === 0 && node.gid === 0 ? "" : ` ${node.uid}:${node.gid}`;
      const start = `${node.mode.toString(8)}${owner}`;
      if (node.type === "file")
        found[path] = `${start} ${Buffer.from(tree.readFile(node)).toString().trim()}`;
      else if (node.type === "symlink") found[path] = `-> ${tree.readlink(node)}`;
      else found[path] = `${start} ${node.type}`;
    }
    return found;
  }

  tree(): Tree {
    return Tree.open(this.#store.layers.all(this.config.rootfs.diff_ids));
  }
}
