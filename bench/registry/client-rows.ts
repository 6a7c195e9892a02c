import { startDockerRegistry } from "../../test/support/docker-registry.ts";
import { breath } from "../ending.ts";
import { median, type Sample, timed } from "../measure.ts";
import type { RowHead } from "../table.ts";
import type { Client } from "./clients.ts";
import type { BenchImage } from "./image.ts";

export interface ClientRow extends RowHead {
  readonly of: "push" | "pull";
  readonly field: keyof Sample;
}

/** One command gives three rows: they are different figures of the same runs. */
export const clientRows: readonly ClientRow[] = [
  { id: "push", of: "push", field: "wallMs", what: "push", unit: "ms", reach: 3000 },
  { id: "push-cpu", of: "push", field: "cpuMs", what: "push, processor time", unit: "ms" },
  { id: "push-memory", of: "push", field: "peakMiB", what: "push, peak memory", unit: "MiB", reach: 128 },
  { id: "pull", of: "pull", field: "wallMs", what: "pull to runnable", unit: "ms", reach: 1500 },
  { id: "pull-cpu", of: "pull", field: "cpuMs", what: "pull, processor time", unit: "ms" },
  { id: "pull-memory", of: "pull", field: "peakMiB", what: "pull, peak memory", unit: "MiB", reach: 128 },
];

/** Each round into a registry of its own: clients remember which layers a registry has, and would have them mounted. */
export async function samplePush(client: Client, image: BenchImage, rounds: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const archive = image.archive();
  for (let round = 0; round < rounds; round++) {
    await breath();
    const registry = await startDockerRegistry();
    try {
      client.load(archive);
      const target = `${registry.host}/bench/image:1`;
      const command = client.push(target);
      Bun.spawnSync(["sync"]);
      samples.push(timed(command, { env: client.env }));
      client.forget(target);
    } finally {
      await registry.stop();
    }
  }
  return samples;
}

/** Each round with a store that has nothing of the image. */
export async function samplePull(client: Client, image: BenchImage, rounds: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const registry = await startDockerRegistry();
  try {
    const target = await image.publish(registry.host, "bench/image");
    for (let round = 0; round < rounds; round++) {
      await breath();
      Bun.spawnSync(["sync"]);
      samples.push(timed(client.pull(target), { env: client.env }));
      client.forget(target);
    }
  } finally {
    await registry.stop();
  }
  return samples;
}

/** The figure of a row; a client whose work a daemon does has no memory and no processor time of its own. */
export function figure(client: Client, { field }: ClientRow, samples: readonly Sample[]): number | undefined {
  if (client.hasDaemon && field !== "wallMs") return undefined;
  return median(samples.map((sample) => sample[field]));
}
