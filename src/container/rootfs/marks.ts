import { closeSync, fchmodSync, openSync } from "node:fs";
import { errnoOf } from "../../sys/index.ts";

/**
 * `/.dockerenv`, by which many programs know that they run in a container. Made before the first start, as a file of the
 * container and not of its image. O_EXCL follows no link that an image has in its place.
 */
export function placeMarks(rootfs: string): void {
  try {
    const fd = openSync(`${rootfs}/.dockerenv`, "wx");
    // Whatever the caller's umask.
    fchmodSync(fd, 0o755);
    closeSync(fd);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
}
