import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
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

/** Named directories that outlive containers: `volumes/<name>/_data` beside a `volume.json`. */
export class Volumes {
  readonly #root: string;

  constructor(root: string) {
    this.#root = `${root}/volumes`;
  }

  get(name: string): Volume | undefined {
    try {
      const folder = this.#folder(name);
      const meta = JSON.parse(readFileSync(`${folder}/volume.json`, "utf8")) as Omit<
        Volume,
        "name" | "mountpoint"
      >;
      return { name, ...meta, mountpoint: `${folder}/_data` };
    } catch (error) {
      if (error instanceof StrakeError) throw error;
      return undefined;
    }
  }

  list(): Volume[] {
    if (!existsSync(this.#root)) return [];
    return readdirSync(this.#root)
      .sort()
      .map((name) => (/^[a-zA-Z0-9]/.test(name) ? this.get(name) : undefined))
      .filter((volume) => volume !== undefined);
  }

  /** Makes a volume; one that exists is given as it is. */
  create(
    name: string,
    options: { anonymous?: boolean; labels?: Readonly<Record<string, string>> } = {},
  ): Volume {
    const existing = this.get(name);
    if (existing) return existing;
    const folder = this.#folder(name);
    mkdirSync(`${folder}/_data`, { recursive: true, mode: 0o755 });
    const meta = {
      createdAt: Date.now(),
      anonymous: options.anonymous === true,
      labels: options.labels ?? {},
    };
    writeFileSync(`${folder}/volume.json`, JSON.stringify(meta));
    return { name, ...meta, mountpoint: `${folder}/_data` };
  }

  /** Removes a volume and what is in it. Nothing is done for one that does not exist. */
  remove(name: string): void {
    rmSync(this.#folder(name), { recursive: true, force: true });
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

  #folder(name: string): string {
    return `${this.#root}/${volumeName(name, name)}`;
  }
}
