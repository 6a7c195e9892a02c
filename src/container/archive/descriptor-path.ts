/**
 * A path that means exactly what an open descriptor means, whatever was renamed since. The link is the kernel's own and leads to
 * the file, not to a name.
 */
export function pathOfDescriptor(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
