import { fstatSync, mkdirSync, rmdirSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import {
  closeFd,
  errnoOf,
  openAt,
  openDirectory,
  openFlags,
  processStartTime,
  randomHex,
  resolveFlags,
} from "../../sys/index.ts";
import { packTree } from "../archive/pack.ts";
import { unpackTree } from "../archive/unpack.ts";
import { containerPaths } from "../monitor/paths.ts";
import { enterContainerNamespace } from "../runtime/host.ts";
import { lockContainer } from "./lock.ts";
import { refresh } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";
import { rootfsRequest } from "./teardown.ts";

/** A place that can be copied from or to: of the host, or of a container. */
export interface CopyPlace {
  /** Name or id; absent for the host. */
  readonly container?: string;
  /** Absolute for a container (a relative one counts from /), as the user wrote it: a `/.` or `/` at its end means something. */
  readonly path: string;
}

export interface CopyOptions {
  /** Keep uid and gid. */
  readonly archive?: boolean;
  /** Follow the source when it is a link. */
  readonly followLink?: boolean;
  readonly signal?: AbortSignal;
}

/** Runs `work` with a descriptor of a container's root: that of its running process, or of its layers mounted for the while. */
async function withContainerRoot<T>(
  services: ContainerServices,
  id: string,
  work: (root: number) => Promise<T>,
): Promise<T> {
  const record = refresh(services, id);
  if (record.state.status === "running") {
    const { pid, processStart } = record.state;
    const root = openDirectory(`/proc/${pid}/root/`);
    try {
      // The number may have been given to another process just before it was opened.
      if (processStart !== undefined && processStartTime(pid) !== processStart)
        throw new StrakeError("CONTAINER_STATE", "the container ended meanwhile");
      return await work(root);
    } finally {
      closeFd(root);
    }
  }
  // The lock keeps it from being started: two mounts of one writable layer at once damage each other.
  const paths = containerPaths(services.root, services.runRoot, id);
  using _lock = await lockContainer(services, id);
  enterContainerNamespace();
  const target = `${services.runRoot}/copy-${randomHex(6)}`;
  mkdirSync(target, { recursive: true, mode: 0o700 });
  const request = { ...rootfsRequest(record, paths), target };
  try {
    const root = openDirectory(await services.rootfs.mount(request));
    try {
      return await work(root);
    } finally {
      closeFd(root);
    }
  } finally {
    services.rootfs.unmount(request);
    rmdirSync(target);
  }
}

/** A tar of a file or directory of a container; its first entry has the path's last name. */
export async function* readArchive(
  services: ContainerServices,
  id: string,
  path: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  // A generator cannot live inside a callback, so the root is held open by a promise until the reader is done.
  let done = () => {};
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  let give = (_: number) => {};
  const ready = new Promise<number>((resolve) => {
    give = resolve;
  });
  const held = withContainerRoot(services, id, (root) => {
    give(root);
    return finished;
  });
  try {
    const root = await Promise.race([ready, held.then(() => -1)]);
    yield* packTree({ root, path: clean(path), name: baseName(path), follow: path.endsWith("/") });
  } finally {
    done();
    await held;
  }
}

/** Unpacks a tar into a directory of a container. Errors: CONTAINER_PATH_INVALID when it is none. */
export async function writeArchive(
  services: ContainerServices,
  id: string,
  path: string,
  source: AsyncIterable<Uint8Array>,
  options: CopyOptions = {},
): Promise<void> {
  await withContainerRoot(services, id, async (root) => {
    if (kindOf(root, path) !== "directory")
      throw new StrakeError("CONTAINER_PATH_INVALID", `${path} is not a directory`);
    await unpackTree({
      root,
      path: clean(path),
      source,
      keepOwners: options.archive !== false,
      signal: options.signal,
    });
  });
}

/** `cp` with Docker's rules about what the target's name means. One side is a container. */
export async function copyPath(
  services: ContainerServices,
  from: CopyPlace,
  to: CopyPlace,
  options: CopyOptions = {},
): Promise<void> {
  await withRoot(services, from, (fromRoot) =>
    withRoot(services, to, async (toRoot) => {
      const sourceKind = kindOf(fromRoot, from.path, options.followLink);
      if (sourceKind === "missing")
        throw new StrakeError(
          "CONTAINER_PATH_INVALID",
          `there is no ${from.path}${from.container === undefined ? "" : " in the container"} to copy`,
        );
      const plan = planCopy({
        source: from.path,
        sourceKind,
        target: to.path,
        targetKind: kindOf(toRoot, to.path, true),
      });
      if (plan.makeFolder && kindOf(toRoot, plan.folder, true) !== "directory")
        throw new StrakeError("CONTAINER_PATH_INVALID", `the folder ${plan.folder} does not exist`);
      const source = packTree({
        root: fromRoot,
        path: clean(from.path),
        name: plan.name,
        follow: options.followLink,
      });
      await unpackTree({
        root: toRoot,
        path: plan.folder,
        source,
        keepOwners: options.archive === true,
        // A device made by a container's root must not become one of the host.
        devices: to.container !== undefined,
        signal: options.signal,
      });
    }),
  );
}

export type PathKind = "file" | "directory" | "missing";

/**
 * Where and under which name a copy goes (docker cp). Errors: CONTAINER_PATH_INVALID. Pure.
 */
export function planCopy(request: {
  source: string;
  sourceKind: PathKind;
  target: string;
  targetKind: PathKind;
}): { folder: string; name: string; makeFolder: boolean } {
  const { source, sourceKind, target, targetKind } = request;
  const asFolder = /(^|\/)\.?$/.test(target);
  if (targetKind === "directory") {
    const contents = sourceKind === "directory" && /(^|\/)\.$/.test(source);
    return { folder: clean(target), name: contents ? "" : baseName(source), makeFolder: false };
  }
  if (sourceKind === "directory" && targetKind === "file")
    throw new StrakeError("CONTAINER_PATH_INVALID", `cannot copy a directory over the file ${target}`);
  if (asFolder && (targetKind === "file" || sourceKind === "file"))
    throw new StrakeError("CONTAINER_PATH_INVALID", `${target} is not a directory`);
  const path = clean(target);
  return { folder: path.slice(0, path.lastIndexOf("/")) || "/", name: baseName(path), makeFolder: true };
}

async function withRoot<T>(
  services: ContainerServices,
  place: CopyPlace,
  work: (root: number) => Promise<T>,
): Promise<T> {
  if (place.container !== undefined)
    return withContainerRoot(services, services.records.find(place.container).id, work);
  const root = openDirectory("/");
  try {
    return await work(root);
  } finally {
    closeFd(root);
  }
}

function kindOf(root: number, path: string, follow = true): PathKind {
  try {
    const fd = openAt(root, clean(path), {
      flags: openFlags.path | (follow ? 0 : openFlags.nofollow),
      resolve: resolveFlags.inRoot | resolveFlags.noMagicLinks,
    });
    const isDirectory = fstatSync(fd).isDirectory();
    closeFd(fd);
    return isDirectory ? "directory" : "file";
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return "missing";
    throw error;
  }
}

/** Absolute, without `.` and doubled slashes. `..` stays: only the kernel knows where it leads after links. */
function clean(path: string): string {
  return `/${path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/")}`;
}

function baseName(path: string): string {
  const name = clean(path).split("/").at(-1)!;
  // The root has no name, and `..` is none.
  return name === ".." ? "" : name;
}
