import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { StrakeError } from "../errors/index.ts";
import { type Digest, digestAlgorithm, digestHex } from "../oci/index.ts";
import { errnoOf, fromNodeError } from "../sys/index.ts";

/** Where things are. All paths are absolute. */
export interface Layout {
  readonly root: string;
  readonly runRoot: string;
  readonly database: string;
  readonly blobs: string;
  readonly layers: string;
  readonly containers: string;
  readonly volumes: string;
  /** Scratch folders of running operations, on the same file system as the layers. */
  readonly work: string;
  /** One file of stamps per build context. */
  readonly contexts: string;
  /** What gc took out of the store and has not unlinked yet. Nothing here is ever read. */
  readonly trash: string;
  /** Space that gc frees when the disk is so full that even deleting rows fails. */
  readonly reserve: string;
}

export function layoutOf(root: string, runRoot: string): Layout {
  return {
    root,
    runRoot,
    database: join(root, "strake.db"),
    blobs: join(root, "blobs"),
    layers: join(root, "layers"),
    containers: join(root, "containers"),
    volumes: join(root, "volumes"),
    work: join(root, "work"),
    contexts: join(root, "contexts"),
    trash: join(root, "trash"),
    reserve: join(root, "reserve"),
  };
}

/** The data root: STRAKE_ROOT, else /var/lib/strake for root, else below XDG_DATA_HOME. */
export function defaultRoot(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.STRAKE_ROOT) return environment.STRAKE_ROOT;
  if (process.getuid?.() === 0) return "/var/lib/strake";
  return join(environment.XDG_DATA_HOME || join(home(), ".local", "share"), "strake");
}

/** `/` for an id without an account where HOME is not set, as containers have it. */
function home(): string {
  try {
    return homedir();
  } catch {
    return "/";
  }
}

/** Mounts, sockets, pid files: STRAKE_RUNROOT, else /run/strake for root, else below XDG_RUNTIME_DIR. */
export function defaultRunRoot(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.STRAKE_RUNROOT) return environment.STRAKE_RUNROOT;
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return "/run/strake";
  return environment.XDG_RUNTIME_DIR
    ? join(environment.XDG_RUNTIME_DIR, "strake")
    : join(tmpdir(), `strake-${uid}`);
}

export function blobPath(layout: Layout, digest: Digest): string {
  return join(layout.blobs, digestAlgorithm(digest), digestHex(digest));
}

/** A folder's name is only the digits; sha512 diff IDs differ in length, so they cannot meet sha256 ones. */
export function layerPath(layout: Layout, diffID: Digest): string {
  return join(layout.layers, digestHex(diffID));
}

/**
 * Makes the folders of a fresh root, or takes an existing one. The root is closed to everybody else (CVE-2021-41091:
 * other users could run setuid programs out of layers). A folder that holds other things is refused, not chmodded.
 */
export function prepareRoot(layout: Layout): void {
  try {
    mkdirSync(layout.root, { recursive: true, mode: 0o700 });
    closeRoot(layout);
    makeFolders(layout);
  } catch (error) {
    throw unusable(error, layout.root);
  }
}

/** Takes a root that has a database. What copied it may have left out folders that were empty (caches of CI servers, object stores). */
export function reopenRoot(layout: Layout): void {
  closeRoot(layout);
  try {
    makeFolders(layout);
  } catch (error) {
    throw unusable(error, layout.root);
  }
}

function makeFolders(layout: Layout): void {
  for (const folder of [
    join(layout.blobs, "sha256"),
    join(layout.blobs, "sha512"),
    ...[layout.layers, layout.containers, layout.volumes, layout.work, layout.contexts, layout.trash],
  ])
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
}

const refusals: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  EEXIST: "it is not a folder",
  ENOTDIR: "a part of its path is not a folder",
};

function unusable(thrown: unknown, root: string): unknown {
  const why = refusals[errnoOf(thrown) ?? ""];
  if (why === undefined) return fromNodeError(thrown);
  return new StrakeError("STORE_ROOT", `the data root ${root} cannot be made: ${why}`, {
    hint: `set STRAKE_ROOT to a folder that you may write to${why === refusals.EACCES && !isRoot() ? ", or run strake as root" : ""}`,
    cause: thrown,
  });
}

const isRoot = () => process.getuid?.() === 0;

/** Refuses a root of somebody else; closes one that others could enter. */
function closeRoot(layout: Layout): void {
  const { mode, uid } = statSync(layout.root);
  const self = process.getuid?.();
  if (self !== undefined && uid !== self)
    throw new StrakeError(
      "STORE_ROOT",
      `the data root ${layout.root} belongs to user ${uid}, this is user ${self}`,
      {
        hint: "run strake as that user, or set STRAKE_ROOT to a folder of your own",
      },
    );
  if ((mode & 0o067) === 0) return;
  const names = readdirSync(layout.root);
  if (names.length > 0 && !names.includes("strake.db"))
    throw new StrakeError("STORE_ROOT", `${layout.root} holds other files and is open to other users`, {
      hint: "set STRAKE_ROOT to an empty folder; strake closes its data root to other users",
    });
  chmodSync(layout.root, 0o700);
}
