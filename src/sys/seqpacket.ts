import { closeSync } from "node:fs";
import { check, libc } from "./libc.ts";
import { openDirectory } from "./open.ts";

const afUnix = 1;
const seqpacket = 5;
const nonblock = 0o4000;
const cloexec = 0o2000000;

/** Longest path in a sockaddr_un, without its NUL. */
const maxSocketPath = 107;

/** shutdown(2). */
const shutWrite = 1;

/**
 * Connects to a Unix socket of type SOCK_SEQPACKET, which neither node:net nor Bun can make: each send is one message
 * and each receive gives one whole. The descriptor does not block; `Bun.connect({ fd })` takes it over. A path too long for
 * a socket address is reached through a descriptor of its folder. Errors: SYS_NOT_FOUND, SYS_FAILED (ECONNREFUSED).
 */
export function connectSeqpacket(path: string): number {
  const fd = check(libc().socket(afUnix, seqpacket | nonblock | cloexec, 0), "socket", path);
  let folder = -1;
  try {
    let name = path;
    if (Buffer.byteLength(path) > maxSocketPath) {
      const slash = path.lastIndexOf("/");
      folder = openDirectory(path.slice(0, slash) || "/");
      name = `/proc/self/fd/${folder}${path.slice(slash)}`;
    }
    const address = Buffer.alloc(2 + maxSocketPath + 1);
    address.writeUInt16LE(afUnix, 0);
    const length = address.write(name, 2);
    check(libc().connect(fd, address, 2 + length + 1), "connect", path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  } finally {
    if (folder >= 0) closeSync(folder);
  }
}

/** Tells the other side that nothing more will be sent; receiving goes on. Harmless on a closed socket. */
export function shutdownWrite(fd: number): void {
  libc().shutdown(fd, shutWrite);
}
