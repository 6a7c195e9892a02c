import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ContainerImage,
  Containers,
  type RootfsProvider,
  resolveAccount,
  StoredRecords,
  type VolumeState,
} from "../../src/container/index.ts";
import { Store, treeSize } from "../../src/store/index.ts";
import { errnoOf, mount, umount, umountFlags } from "../../src/sys/index.ts";
import { busyboxProgram, fillBusyboxRoot } from "./busybox.ts";

/** The busybox image of a container home. */
export const busyboxImage: ContainerImage = {
  id: "",
  reference: "busybox:test",
  layers: [],
  config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
};

/** Why containers cannot be run here; undefined when they can. */
export function whyNoContainers(): string | undefined {
  if (process.platform !== "linux") return "this is not Linux";
  if (process.getuid?.() !== 0) return "it needs root";
  const missing = [busyboxProgram, "/usr/bin/conmon"].find((path) => !existsSync(path));
  if (missing) return `${missing} is missing`;
  if (!["/usr/bin/crun", "/usr/sbin/runc", "/usr/bin/runc"].some(existsSync))
    return "neither crun nor runc is there";
  return undefined;
}

export interface ContainerHome {
  readonly home: string;
  readonly root: string;
  readonly runRoot: string;
  /** The image's root file system, shared by all containers. */
  readonly image: string;
  readonly store: Store;
  readonly containers: Containers;
  readonly warnings: string[];
  close(): void;
}

/** A store with containers over one directory, by plain overlayfs; what other processes of a test open too. */
export function openContainerHome(home: string): ContainerHome {
  const image = join(home, "image");
  const store = Store.open({ root: join(home, "root"), runRoot: join(home, "run") });
  const warnings: string[] = [];
  const containers = new Containers({
    root: store.root,
    runRoot: store.runRoot,
    records: new StoredRecords(store.containers),
    volumes: store.volumes.as<VolumeState>(),
    rootfs: directoryRootfs(image),
    resolveUser: resolveAccount,
    cleanupCommand: [process.execPath, join(import.meta.dir, "container-cleanup.ts"), home],
    warn: (message) => warnings.push(message),
  });
  const { root, runRoot } = store;
  return { home, root, runRoot, image, store, containers, warnings, close: () => store.close() };
}

/** A new home with the busybox image in it; `remove` takes it away. */
export function makeContainerHome(): ContainerHome & { remove(): Promise<void> } {
  const home = mkdtempSync(join(tmpdir(), "strake-home-"));
  mkdirSync(join(home, "image"), { mode: 0o755 });
  fillBusyboxRoot(join(home, "image"));
  const opened = openContainerHome(home);
  return {
    ...opened,
    remove: async () => {
      opened.close();
      // Monitors of the last containers are still ending, and their cleanup would make the folder again.
      for (let n = 0; n < 2000 && processesOf(home).length > 0; n++) await Bun.sleep(10);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Programs of the host that have to do with a home, by their arguments; those that only wait to be reaped have none. */
export function processesOf(home: string): string[] {
  const { stdout } = Bun.spawnSync(["ps", "-eo", "args"]);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line.includes(home));
}

/** Removes a container that may be removing itself just now. */
export async function removeQuietly(home: ContainerHome, id: string): Promise<void> {
  try {
    await home.containers.remove(id, { force: true, volumes: true });
  } catch (error) {
    if ((error as { code?: string }).code !== "CONTAINER_NOT_FOUND") throw error;
  }
}

function directoryRootfs(image: string): RootfsProvider {
  return {
    snapshotter: "test",
    async mount({ data, target }) {
      for (const folder of ["upper", "work"])
        mkdirSync(`${data}/layer/${folder}`, { recursive: true, mode: 0o755 });
      const options = `lowerdir=${image},upperdir=${data}/layer/upper,workdir=${data}/layer/work`;
      mount({ source: "overlay", target, type: "overlay", data: options });
      return target;
    },
    unmount({ target }) {
      try {
        umount(target, umountFlags.detach | umountFlags.nofollow);
      } catch (error) {
        if (errnoOf(error) !== "EINVAL" && errnoOf(error) !== "ENOENT") throw error;
      }
    },
    async written({ data }) {
      return treeSize(`${data}/layer/upper`);
    },
    discard({ data }) {
      rmSync(`${data}/layer`, { recursive: true, force: true });
    },
  };
}
