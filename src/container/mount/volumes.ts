import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { lockFile, nodePath } from "../../sys/index.ts";
import { resolveInRoot } from "../rootfs/resolve.ts";
import { run } from "../runtime/command.ts";
import { volumeName } from "./parse.ts";

export interface Volume {
  readonly name: string;
  readonly createdAt: number;
  readonly anonymous: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Directory on the host. */
  readonly mountpoint: string;
}

/** What is kept of a volume beside its name. */
export interface VolumeState {
  readonly anonymous: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** Where volumes are noted; the store's records. */
export interface VolumeRecords {
  create(record: { id: string; name: string; state: VolumeState }): unknown;
  get(name: string): { id: string; name: string; state: VolumeState; createdAt: number } | undefined;
  list(): { name: string; state: VolumeState; createdAt: number }[];
  remove(id: string): unknown;
}

/** Held while a volume is made ready for a container, and while it is removed. */
export async function lockVolume(runRoot: string, name: string): Promise<Disposable> {
  mkdirSync(`${runRoot}/locks`, { recursive: true, mode: 0o700 });
  return await lockFile(`${runRoot}/locks/volume-${volumeName(name, name)}`);
}

/** Named directories that outlive containers: `volumes/<name>/_data`, and a record, without which they are garbage. */
export class Volumes {
  readonly #root: string;
  readonly #records: VolumeRecords;

  constructor(root: string, records: VolumeRecords) {
    this.#root = `${root}/volumes`;
    this.#records = records;
  }

  get(name: string): Volume | undefined {
    const record = this.#records.get(name);
    // The records also find beginnings of ids, which are no names of volumes.
    return record?.name === name ? this.#volume(record) : undefined;
  }

  list(): Volume[] {
    return this.#records.list().map((record) => this.#volume(record));
  }

  /** Makes a volume; one that exists is given as it is. */
  create(
    name: string,
    options: { anonymous?: boolean; labels?: Readonly<Record<string, string>> } = {},
  ): Volume {
    const state = { anonymous: options.anonymous === true, labels: options.labels ?? {} };
    if (this.get(name) === undefined)
      try {
        this.#records.create({ id: volumeName(name, name), name, state });
      } catch (error) {
        // Another process was faster.
        if (this.get(name) === undefined) throw error;
      }
    const volume = this.get(name)!;
    // Whatever the caller's umask; one that is there has the mode that was given to it.
    if (mkdirSync(volume.mountpoint, { recursive: true }) !== undefined) chmodSync(volume.mountpoint, 0o755);
    return volume;
  }

  /** Removes a volume and what is in it. Nothing is done for one that does not exist. */
  remove(name: string): void {
    rmSync(this.#folder(name), { recursive: true, force: true });
    this.#records.remove(name);
  }

  /**
   * Fills an empty volume from the directory the image has at its destination, as Docker does at the first use. The path is
   * resolved inside the container's root, so a VOLUME that is a link or holds `..` copies nothing of the host
   * (CVE-2022-23648); links in the directory are copied as links. Two containers that start at once do it once.
   */
  async seed(volume: Volume, rootfs: string, destination: string): Promise<void> {
    if (readdirSync(volume.mountpoint).length > 0) return;
    const { path, kind } = resolveInRoot(rootfs, destination);
    if (kind !== "directory") return;
    using _lock = await lockFile(`${this.#folder(volume.name)}/lock`);
    if (readdirSync(volume.mountpoint).length > 0) return;
    const source = nodePath(rootfs + path);
    const stat = lstatSync(source);
    if (readdirSync(source).length > 0) {
      const copied = await run(["cp", "-a", "--reflink=auto", "--", `${rootfs}${path}/.`, volume.mountpoint]);
      if (copied.status !== 0)
        throw new StrakeError(
          "CONTAINER_START_FAILED",
          `the volume ${volume.name} could not be filled: ${copied.stderr}`,
        );
    }
    chownSync(volume.mountpoint, stat.uid, stat.gid);
    chmodSync(volume.mountpoint, stat.mode & 0o7777);
  }

  #volume(record: { name: string; state: VolumeState; createdAt: number }): Volume {
    const { name, state, createdAt } = record;
    return { name, createdAt, ...state, mountpoint: `${this.#folder(name)}/_data` };
  }

  #folder(name: string): string {
    return `${this.#root}/${volumeName(name, name)}`;
  }
}
