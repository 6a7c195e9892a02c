import { type ObjectStore, Registry } from "../../src/registry/server/index.ts";
import { dockerRegistryObstacle, startDockerRegistry } from "./docker-registry.ts";

/** A registry that serves. */
export interface RegistryPeer {
  readonly host: string;
  stop(): Promise<void>;
}

/** Registries that our client is tried on: ours, over a storage that a test opens or in memory, and Debian's docker-registry. */
export function registryPeers(open?: () => Promise<ObjectStore>) {
  return {
    strake: {
      obstacle: undefined,
      async start(): Promise<RegistryPeer> {
        const registry = await Registry.start(open ? { storage: await open() } : {});
        return { host: registry.host, stop: () => registry.stop({ grace: 100 }) };
      },
    },
    "docker-registry": { obstacle: dockerRegistryObstacle(), start: startDockerRegistry },
  };
}
