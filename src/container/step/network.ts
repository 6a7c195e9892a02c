import { hostname as hostHostname } from "node:os";
import { StrakeError } from "../../errors/index.ts";
import { BridgeNetwork } from "../network/bridge.ts";
import { type NetworkFile, writeNetworkFiles } from "../network/files.ts";
import { toolEnvironment } from "../runtime/command.ts";
import { findProgram } from "../runtime/runtime.ts";
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
  const useBridge = options.kind === "default" && BridgeNetwork.obstacle() === undefined;
  const hostNetwork = options.kind !== "none" && !useBridge;
  const hostname = options.hostname ?? (hostNetwork ? hostHostname() : "strake-build");
  const bridged = useBridge ? await openBridged(options) : undefined;
  const { files } = writeNetworkFiles({
    folder: options.bundle,
    hostname,
    hostNetwork,
    extraHosts,
    // Without a network the name must still lead somewhere: sudo, Java and others ask for it.
    ...(bridged ? { address: bridged.address } : hostNetwork ? {} : { address: "127.0.0.1" }),
  });
  return {
    namespace: bridged?.namespace ?? (hostNetwork ? { kind: "host" } : { kind: "new" }),
    hostname,
    // What a step writes to /etc/hostname belongs to the image.
    files: files.filter((file) => file.destination !== "/etc/hostname"),
    close: bridged?.close ?? (async () => {}),
  };
}

/**
 * A network namespace held by a process of ours that waits for the end of its stdin: if we die it ends, and the kernel takes
 * the namespace and the veth pair with it. A namespace with a name under /run/netns would stay.
 */
async function openBridged(options: OpenStepNetwork): Promise<{
  namespace: NetworkNamespace;
  address: string;
  close(): Promise<void>;
}> {
  const network = new BridgeNetwork(options.runRoot);
  const unshare = findProgram("unshare");
  if (unshare === undefined)
    throw new StrakeError("CONTAINER_TOOL_MISSING", "unshare is not installed", {
      hint: "apt-get install util-linux",
    });
  const holder = Bun.spawn([unshare, "--net", "cat"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
    env: toolEnvironment(),
  });
  const close = async () => {
    await holder.stdin.end();
    await holder.exited;
    await network.close(options.id);
  };
  try {
    const endpointReady = network.open({ id: options.id, folder: options.bundle, ports: [] });
    // The first byte comes back once cat runs, that is: in the new namespace.
    holder.stdin.write("\n");
    await holder.stdin.flush();
    const [endpoint] = await Promise.all([endpointReady, holder.stdout.getReader().read()]);
    await network.connect(endpoint, holder.pid);
    return {
      namespace: { kind: "path", path: `/proc/${holder.pid}/ns/net` },
      address: endpoint.address,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
