import type { CommandSpec } from "../command.ts";
import { buildSpecs } from "./build.ts";
import { containerSpecs } from "./containers.ts";
import { imageSpecs } from "./images.ts";
import { machineSpecs } from "./machine.ts";
import { manifestListSpecs } from "./manifest-list.ts";
import { registrySpecs } from "./registry.ts";
import { remoteSpecs } from "./remote.ts";
import { runSpecs } from "./run.ts";
import { volumeSpecs } from "./volumes.ts";

/** Every command, in the order help shows them. */
export const specs: readonly CommandSpec[] = [
  ...buildSpecs,
  ...runSpecs,
  ...containerSpecs,
  ...volumeSpecs,
  ...imageSpecs,
  ...remoteSpecs,
  ...manifestListSpecs,
  ...registrySpecs,
  ...machineSpecs,
];
