import { mkdirSync, mkdtempSync, readFileSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Store } from "../../store/index.ts";
import { closeFd, nodePath, openAt, openDirectory, openFlags, readMountInfo } from "../../sys/index.ts";
import { removeTree } from "../extract/index.ts";
import { LayerWriter } from "../index.ts";
import { ingestTar } from "../ingest.ts";
import { type Draft, makeTar } from "../layer.test-support.ts";
import { Tree } from "../tree/index.ts";
import { writeDiff } from "../write-diff.ts";
import { namesIn, readNode } from "./disk-node.ts";
import type { Mount, MountRequest, SnapshotLayer, Snapshotter } from "./snapshotter.ts";
import { unmountAll } from "./upper.ts";

/** A store in a temporary directory with what the conformance suite does in it again and again. */
export class TestBed {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), "strake-snapshotter-")));
  readonly store = Store.open({ root: join(this.directory, "root"), runRoot: join(this.directory, "run") });
  readonly #lease = this.store.lease("test");
  readonly snapshotter: Snapshotter;
  #count = 0;

  constructor(snapshotter: Snapshotter) {
    this.snapshotter = snapshotter;
  }

  async layer(drafts: readonly Draft[]): Promise<SnapshotLayer> {
    return this.tarLayer(await makeTar(drafts));
  }

  async tarLayer(tar: Uint8Array): Promise<SnapshotLayer> {
    const source = async function* () {
      yield tar;
    };
    return await ingestTar(this.store, source(), { lease: this.#lease });
  }

  /** A fresh workspace and target for layers. */
  place(layers: readonly SnapshotLayer[]): MountRequest {
    const name = join(this.directory, "root", "containers", String(this.#count++));
    const request = { workspace: join(name, "workspace"), target: join(name, "target"), layers };
    mkdirSync(request.workspace, { recursive: true });
    mkdirSync(request.target, { recursive: true });
    return request;
  }

  async mount(layers: readonly SnapshotLayer[]): Promise<Mount & { readonly place: MountRequest }> {
    const place = this.place(layers);
    return Object.assign(await this.snapshotter.mount(place), { place });
  }

  /** Entries of the diff in short: `path type`, with a link's target. */
  async diff(place: MountRequest): Promise<string[]> {
    const found: string[] = [];
    for await (const { header } of this.snapshotter.diff(place))
      found.push(`${header.path} ${header.type}${header.linkname && ` ${header.linkname}`}`);
    return found;
  }

  /** The diff as a layer of the store. */
  async commit(place: MountRequest): Promise<SnapshotLayer> {
    const writer = new LayerWriter(this.store.layers.begin(this.#lease));
    await writeDiff(writer, this.snapshotter.diff(place));
    return await writer.commit();
  }

  /** Mounts of this bed that this process sees. */
  mounted(): string[] {
    return readMountInfo()
      .map(({ mountPoint }) => mountPoint)
      .filter((path) => path.startsWith(this.directory));
  }

  end(): void {
    for (const path of this.mounted().reverse()) unmountAll(path);
    this.#lease.release();
    this.store.close();
    removeTree(this.directory);
  }
}

/** Everything that can be seen of a file that counts. */
interface Seen {
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly mtimeNsec: number;
  readonly devmajor: number;
  readonly devminor: number;
}

function line(seen: Seen, rest: { xattrs: ReadonlyMap<string, Uint8Array>; content: string }): string {
  const { type, mode, uid, gid, mtime, mtimeNsec, devmajor, devminor } = seen;
  const xattrs = [...rest.xattrs]
    .map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`)
    .sort();
  const what = type === "char" || type === "block" ? `${devmajor}:${devminor}` : rest.content;
  const permissions = type === "symlink" ? "" : mode.toString(8);
  return [type, permissions, `${uid}:${gid}`, `${mtime}.${mtimeNsec}`, what, ...xattrs].join(" ");
}

/** A directory of the host as path -> line. Overlayfs's own marks are left out. */
export function seeDirectory(directory: string): Record<string, string> {
  const seen: Record<string, string> = {};
  const visit = (fd: number, path: string) => {
    for (const name of namesIn(fd)) {
      const node = readNode(fd, name);
      const at = `/proc/self/fd/${fd}/${name}`;
      const content = node.type === "file" ? readFileSync(nodePath(at), "latin1") : node.linkname;
      seen[`${path}/${name}`] = line(node, { xattrs: node.xattrs() ?? new Map(), content });
      if (node.type !== "directory") continue;
      const child = openAt(fd, name, {
        flags: openFlags.readOnly | openFlags.directory | openFlags.nofollow,
      });
      visit(child, `${path}/${name}`);
      closeFd(child);
    }
  };
  const root = openDirectory(directory);
  const fd = openAt(root, ".", { flags: openFlags.readOnly | openFlags.directory });
  visit(fd, "");
  closeFd(fd);
  closeFd(root);
  return seen;
}

/** The merged view of layers in the same words. */
export function seeTree(layers: readonly SnapshotLayer[]): Record<string, string> {
  using tree = Tree.open(layers);
  const seen: Record<string, string> = {};
  for (const { path, node } of tree.walk("/")) {
    if (path === "/") continue;
    const content =
      node.type === "file"
        ? Buffer.from(tree.readFile(node)).toString("latin1")
        : node.type === "symlink"
          ? tree.readlink(node)
          : "";
    seen[path] = line(node, { xattrs: tree.xattrs(node), content });
  }
  return seen;
}
