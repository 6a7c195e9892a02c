const usual = 0o022;

/**
 * Starts a program that makes things for others than its caller, such as a container's mount points: with the umask that such programs expect,
 * and not with a strict one of the caller's. `start` must not wait: the mask is the process's, and is as it was when this returns.
 */
export function withUsualUmask<T>(start: () => T): T {
  const before = process.umask(usual);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}
