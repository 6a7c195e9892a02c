import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerRecord, ContainerRecords, RootfsProvider } from "../../src/container/index.ts";
import { StrakeError } from "../../src/errors/index.ts";
import { mount, umount, umountFlags } from "../../src/sys/index.ts";
import { fillBusyboxRoot } from "./busybox.ts";

/** Records in memory, with the rules of the real ones. */
export class MemoryRecords implements ContainerRecords {
  readonly #records = new Map<string, ContainerRecord>();

  insert(record: ContainerRecord): void {
    for (const other of this.#records.values())
      if (other.name === record.name)
        throw new StrakeError("CONTAINER_NAME_TAKEN", `"${record.name}" is taken`);
    this.#records.set(record.id, record);
  }

  find(reference: string): ContainerRecord {
    const all = [...this.#records.values()];
    const exact = all.find((record) => record.name === reference || record.id === reference);
    const matches = exact ? [exact] : all.filter((record) => record.id.startsWith(reference));
    if (matches.length !== 1) throw new StrakeError("CONTAINER_NOT_FOUND", `no container "${reference}"`);
    return matches[0]!;
  }

  get(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  list(): ContainerRecord[] {
    return [...this.#records.values()];
  }

  update(id: string, change: (record: ContainerRecord) => ContainerRecord): ContainerRecord | undefined {
    const record = this.#records.get(id);
    if (record === undefined) return undefined;
    const next = change(record);
    this.#records.set(id, next);
    return next;
  }

  remove(id: string): void {
    this.#records.delete(id);
  }
}

/** A store root with a busybox image that every container gets through overlayfs. */
export function makeContainerHome(): {
  root: string;
  runRoot: string;
  lower: string;
  rootfs: RootfsProvider;
  remove(): void;
} {
  const home = mkdtempSync(join(tmpdir(), "strake-containers-"));
  const lower = join(home, "image");
  mkdirSync(lower, { mode: 0o755 });
  fillBusyboxRoot(lower);
  const rootfs: RootfsProvider = {
    async mount({ data, target }) {
      for (const folder of ["upper", "work"])
        mkdirSync(`${data}/${folder}`, { recursive: true, mode: 0o755 });
      const options = `lowerdir=${lower},upperdir=${data}/upper,workdir=${data}/work`;
      mount({ source: "overlay", target, type: "overlay", data: options });
      return { path: target };
    },
    async unmount({ target }) {
      try {
        umount(target, umountFlags.detach | umountFlags.nofollow);
      } catch {}
    },
  };
  return {
    root: join(home, "root"),
    runRoot: join(home, "run"),
    lower,
    rootfs,
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
