import { closeSync } from "node:fs";
import { atCwd, openAt } from "./open.ts";
import { openFlags } from "./open-flags.ts";

/** Names for use inside mount options, good until closed. */
export interface MountNames {
  /** The path itself, or a stand-in when the path cannot be written in an option string. */
  name(path: string): string;
  close(): void;
}

/**
 * Option strings separate by `,` and `:`, know `\` as an escape in some kernels and file systems only, and take at most
 * 255 bytes a value in the new API. A path that meets any of that is opened and named `/proc/self/fd/N`
 * instead, which is short and plain and means the same file.
 */
export function mountNames(options: { readonly longest?: number } = {}): MountNames {
  const opened: number[] = [];
  return {
    name(path) {
      const plain = /^[^\s,:\\"']+$/.test(path) && path.isWellFormed();
      if (plain && Buffer.byteLength(path) <= (options.longest ?? 4000)) return path;
      const fd = openAt(atCwd, path, { flags: openFlags.path });
      opened.push(fd);
      return `/proc/self/fd/${fd}`;
    },
    close() {
      for (const fd of opened.splice(0)) closeSync(fd);
    },
  };
}
