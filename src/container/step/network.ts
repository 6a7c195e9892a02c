import { hostname as hostHostname } from "node:os";
import { type NetworkFile, writeNetworkFiles } from "../network/files.ts";
import type { NetworkNamespace } from "../spec/spec.ts";

export type StepNetwork = "host" | "none" | "default";

export interface OpenStepNetwork {
  readonly kind: StepNetwork;
  readonly id: string;
  readonly bundle: string;
  readonly runRoot: string;
  readonly hostname?: string;
  readonly extraHosts?: Readonly<Record<string, string>>;
}

export interface OpenedStepNetwork {
  readonly namespace: NetworkNamespace;
  readonly hostname: string;
  readonly files: readonly NetworkFile[];
  close(): Promise<void>;
}

/** The network of one step, up and ready; `close` removes all of it. */
export async function openStepNetwork(options: OpenStepNetwork): Promise<OpenedStepNetwork> {
  const extraHosts = Object.entries(options.extraHosts ?? {}).map(([name, address]) => ({
    address,
    names: [name],
  }));
  const hostNetwork = options.kind === "host" || options.kind === "default";
  const hostname = options.hostname ?? (hostNetwork ? hostHostname() : "strake-build");
  const { files } = writeNetworkFiles({ folder: options.bundle, hostname, hostNetwork, extraHosts });
  return {
    namespace: hostNetwork ? { kind: "host" } : { kind: "new" },
    hostname,
    files,
    close: async () => {},
  };
}
