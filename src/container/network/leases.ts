import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isProcessAlive } from "../../sys/index.ts";
import type { PortMapping } from "./ports.ts";

/** What one container or step holds of the bridge. */
export interface NetworkLease {
  readonly id: string;
  readonly address: string;
  readonly ports: readonly PortMapping[];
  /** Who took it: until the container has a run folder, that process's life is the lease's. */
  readonly owner: { readonly pid: number; readonly startTime?: number };
  /** A folder that exists as long as the lease is needed. */
  readonly folder: string;
}

/** The bridge as it was made. */
export interface BridgeState {
  readonly subnet: string;
  /** The address given last. */
  readonly last: string;
}

/**
 * The leases of a bridge as files below the run root, so that they go with a restart of the machine, as the bridge does. Every
 * call is made under the network's lock.
 */
export class Leases {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(`${folder}/leases`, { recursive: true, mode: 0o700 });
  }

  get lockPath(): string {
    return `${this.#folder}/lock`;
  }

  bridge(): BridgeState | undefined {
    return readJSON<BridgeState>(`${this.#folder}/bridge.json`);
  }

  setBridge(state: BridgeState | undefined): void {
    if (state === undefined) rmSync(`${this.#folder}/bridge.json`, { force: true });
    else writeJSON(`${this.#folder}/bridge.json`, state);
  }

  /** All that still count; those of dead owners without a folder are dropped. */
  list(): NetworkLease[] {
    const leases: NetworkLease[] = [];
    for (const name of readdirSync(`${this.#folder}/leases`)) {
      const lease = readJSON<NetworkLease>(`${this.#folder}/leases/${name}`);
      if (lease !== undefined && isNeeded(lease)) leases.push(lease);
      else rmSync(`${this.#folder}/leases/${name}`, { force: true });
    }
    return leases;
  }

  get(id: string): NetworkLease | undefined {
    return readJSON<NetworkLease>(`${this.#folder}/leases/${id}`);
  }

  put(lease: NetworkLease): void {
    writeJSON(`${this.#folder}/leases/${lease.id}`, lease);
  }

  remove(id: string): void {
    rmSync(`${this.#folder}/leases/${id}`, { force: true });
  }
}

function isNeeded(lease: NetworkLease): boolean {
  if (isProcessAlive(lease.owner.pid, lease.owner.startTime)) return true;
  try {
    readdirSync(lease.folder);
    return true;
  } catch {
    return false;
  }
}

function readJSON<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}

/** Written beside and renamed: a kill in the middle leaves the old one. */
function writeJSON(path: string, value: unknown): void {
  const temporary = path.replace(/([^/]+)$/, ".$1.tmp");
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
  renameSync(temporary, path);
}
