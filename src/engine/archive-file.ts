import { closeSync, lstatSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { StrakeError } from "../errors/index.ts";
import type { TarSink } from "../tar/index.ts";

/** Writes a file that has its final name only when it is complete: half an archive is never left for somebody to load. */
export async function writeArchiveFile(path: string, write: (sink: TarSink) => Promise<void>): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}`;
  const fd = openSync(temporary, "wx", 0o600);
  let isOpen = true;
  try {
    await write((chunk) => {
      for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
    });
    closeSync(fd);
    isOpen = false;
    renameSync(temporary, path);
  } finally {
    if (isOpen) closeSync(fd);
    rmSync(temporary, { force: true });
  }
}

/** Errors: USAGE when there is something at the path: an archive is made, never changed. */
export function demandNothingAt(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  throw new StrakeError("USAGE", `${path} exists already`, {
    hint: "remove it, or name another file; to add images to a layout copy to oci:FOLDER",
  });
}
