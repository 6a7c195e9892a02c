import { readFileSync } from "node:fs";

/**
 * A port of the host that is free now, and that no connection going out is given: among those, somebody's connection could take it before
 * the server has it, and a client that tries again and again while the server is away would in the end be connected to itself.
 */
export function freePort(): number {
  return freePorts(1);
}

/** As `freePort`: the first of so many ports in a row. */
export function freePorts(count: number): number {
  const [firstOutgoing] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
    .split("\t")
    .map(Number);
  const lowest = 10_000;
  const highest = Math.max(lowest + 1000, firstOutgoing!);
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (Array.from({ length: count }, (_, n) => port + n).every(isFree)) return port;
  }
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "0.0.0.0", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    // Somebody serves there.
    return false;
  }
}
