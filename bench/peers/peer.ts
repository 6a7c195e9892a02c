import { existsSync } from "node:fs";

/** Where a peer keeps things, and what it begins with. */
export interface Places {
  /** On a disk. */
  readonly workspace: string;
  /** In /run, as each of them has it when it is installed: state that a restart of the machine may forget. */
  readonly runSpace: string;
  readonly baseArchive: string;
  readonly baseTag: string;
}

/**
 * A builder and runner under measure. `setup` starts what it needs (a daemon on a private socket) and loads the base
 * image from a docker-archive; `teardown` ends exactly what `setup` started.
 */
export interface Peer {
  readonly name: string;
  /** Why it cannot take part on this machine, or undefined when it can. */
  unavailable(): string | undefined;
  setup(places: Places): Promise<void>;
  build(context: string, tag: string): readonly string[];
  run(image: string, network: "host" | "bridge", args: readonly string[]): readonly string[];
  version(): readonly string[];
  env(): Record<string, string>;
  teardown(): Promise<void>;
}

/** Why our own program cannot take part, or undefined. */
export function notBuilt(executable: string): string | undefined {
  return existsSync(executable) ? undefined : `${executable} not built (npm run build)`;
}

/** Why other people's cannot, or undefined. */
export function missing(...programs: string[]): string | undefined {
  const absent = programs.filter((program) => Bun.which(program) === null);
  return absent.length > 0 ? `${absent.join(", ")} not installed` : undefined;
}
