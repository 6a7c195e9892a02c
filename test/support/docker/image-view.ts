import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeConfig, type ImageConfig, sha256 } from "../../../src/oci/index.ts";
import { type Entry, readTar } from "../../../src/tar/index.ts";

/** Times at or before this are a fixture's, which both builders must keep; later ones are a clock's. */
const fixtureTimes = 1_700_000_000;

/** An image as its archive says it is. */
export interface ImageView {
  readonly config: ImageConfig;
  /** For each layer above the base: path to type, mode, owner, content, link, attributes, and the time where it is a fixture's. */
  readonly layers: readonly Readonly<Record<string, string>>[];
}

/** Reads a docker-archive; the layers of the base are skipped. */
export async function viewArchive(archive: string, baseLayers: number): Promise<ImageView> {
  const folder = mkdtempSync(join(tmpdir(), "strake-view-"));
  try {
    const { exitCode, stderr } = Bun.spawnSync(["tar", "-xf", archive, "-C", folder]);
    if (exitCode !== 0) throw new Error(`tar -xf ${archive}: ${stderr.toString()}`);
    const [{ Config, Layers }] = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    const config = decodeConfig(readFileSync(join(folder, Config))).value;
    const layers: Record<string, string>[] = [];
    for (const name of Layers.slice(baseLayers)) layers.push(await viewLayer(join(folder, name)));
    return { config, layers };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function viewLayer(path: string): Promise<Record<string, string>> {
  // An inode is an object: a name that comes again gets a new one, as it does when a tar is unpacked.
  const inodes = new Map<string, { text: string }>();
  const stream = Bun.file(path).stream() as unknown as AsyncIterable<Uint8Array>;
  for await (const { entry, body } of readTar(stream)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk.slice());
    const name = cleanName(entry.path);
    if (entry.type === "hardlink") {
      const inode = inodes.get(cleanName(entry.linkname));
      if (!inode)
        throw new Error(`${name} is a hardlink to ${entry.linkname}, which does not come before it`);
      inodes.set(name, inode);
    } else inodes.set(name, { text: describe(entry, Buffer.concat(chunks)) });
  }
  const names = Map.groupBy(inodes, ([, inode]) => inode);
  const found: Record<string, string> = {};
  for (const [path, inode] of inodes) {
    const twins = names.get(inode)!.map(([name]) => name);
    found[path] = twins.length > 1 ? `${inode.text} = ${twins.sort().join(" = ")}` : inode.text;
  }
  return found;
}

function describe(entry: Entry, content: Buffer): string {
  // Of a whiteout only the name counts.
  if (/(^|\/)\.wh\./.test(entry.path)) return "whiteout";
  const words: string[] = [entry.type, entry.mode.toString(8), `${entry.uid}:${entry.gid}`];
  if (entry.type === "file")
    words.push(content.length <= 60 ? JSON.stringify(content.toString()) : sha256(content));
  if (entry.linkname !== "") words.push(`-> ${entry.linkname}`);
  if (entry.type === "char" || entry.type === "block") words.push(`${entry.devmajor},${entry.devminor}`);
  for (const [key, value] of entry.xattrs ?? []) words.push(`${key}=${Buffer.from(value).toString("hex")}`);
  if (entry.mtime <= fixtureTimes) words.push(`@${entry.mtime}`);
  return words.join(" ");
}

const cleanName = (path: string) => `/${path.replace(/^\.?\//, "").replace(/\/$/, "")}`;

/** Lines that tell where two images differ; none when they are alike. */
export function differences(docker: ImageView, strake: ImageView): string[] {
  const lines: string[] = [];
  compareValue("config", docker.config.config ?? {}, strake.config.config ?? {}, lines);
  const told = (view: ImageView) =>
    (view.config.history ?? []).map(
      ({ created_by, empty_layer, comment }) => `${empty_layer ? "-" : "+"} ${created_by} # ${comment ?? ""}`,
    );
  compareValue("history", told(docker), told(strake), lines);
  for (const key of ["author", "architecture", "os", "variant"] as const) {
    compareValue(key, docker.config[key] || undefined, strake.config[key] || undefined, lines);
  }
  compareValue("layers", docker.layers.length, strake.layers.length, lines);
  for (const [i, layer] of docker.layers.entries()) {
    const other = strake.layers[i] ?? {};
    for (const path of [...new Set([...Object.keys(layer), ...Object.keys(other)])].sort()) {
      if (path === "/etc" && other[path] === undefined && isBare(layer, path)) continue;
      compareValue(`layer ${i} ${path}`, layer[path], timed(other[path], layer[path]), lines);
    }
  }
  return lines;
}

function compareValue(name: string, docker: unknown, strake: unknown, lines: string[]): void {
  if (isRecord(docker) && isRecord(strake)) {
    for (const key of [...new Set([...Object.keys(docker), ...Object.keys(strake)])].sort()) {
      compareValue(`${name}.${key}`, blankToNothing(docker[key]), blankToNothing(strake[key]), lines);
    }
  } else if (Array.isArray(docker) && Array.isArray(strake)) {
    const length = Math.max(docker.length, strake.length);
    for (let i = 0; i < length; i++) compareValue(`${name}[${i}]`, docker[i], strake[i], lines);
  } else if (!Bun.deepEquals(docker, strake)) {
    lines.push(`${name}: docker ${JSON.stringify(docker)}, strake ${JSON.stringify(strake)}`);
  }
}

/** BuildKit's layers hold /etc because it mounts files there, with nothing in it when nothing changed. */
const isBare = (layer: Readonly<Record<string, string>>, path: string) =>
  !Object.keys(layer).some((other) => other.startsWith(`${path}/`));

/**
 * Folders have times of their own here: what a context or a stage says, and 0 for those that had to be made. BuildKit's have the time
 * of the copy.
 */
const timed = (strake: string | undefined, docker: string | undefined) =>
  docker?.startsWith("directory") && !docker.includes("@") ? strake?.replace(/ @\d+/, "") : strake;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Docker writes every field; null, "", false and empty lists say what a missing field says. */
function blankToNothing(value: unknown): unknown {
  if (value === null || value === "" || value === false) return undefined;
  if (Array.isArray(value) && value.length === 0) return undefined;
  return isRecord(value) && Object.keys(value).length === 0 ? undefined : value;
}
