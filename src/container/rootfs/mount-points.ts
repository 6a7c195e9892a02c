import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { errnoOf } from "../../sys/index.ts";
import { placeMarks } from "./marks.ts";

/** What the runtime mounts on in every container. */
const folders = ["dev", "etc", "proc", "sys"];
const files = ["etc/hostname", "etc/hosts", "etc/resolv.conf"];

/**
 * A folder that lies below the layers of every container, so that an image without these places has them, as below Docker's images: the
 * runtime would make each in the writable layer, which takes 0.2 ms apiece and shows as a change. Made when it is not there.
 */
export function mountPoints(runRoot: string): string {
  const path = `${runRoot}/mount-points`;
  if (existsSync(path)) return path;
  mkdirSync(runRoot, { recursive: true, mode: 0o711 });
  const draft = mkdtempSync(`${path}.`);
  try {
    fill(draft);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Somebody else was quicker.
    const errno = errnoOf(error);
    if (errno !== "ENOTEMPTY" && errno !== "EEXIST") throw error;
  }
  return path;
}

/** Modes are set apart: the caller's umask must not count. */
function fill(folder: string): void {
  for (const name of folders) {
    mkdirSync(`${folder}/${name}`);
    chmodSync(`${folder}/${name}`, 0o755);
  }
  for (const name of files) {
    writeFileSync(`${folder}/${name}`, "");
    chmodSync(`${folder}/${name}`, 0o644);
  }
  placeMarks(folder);
  chmodSync(folder, 0o755);
}
