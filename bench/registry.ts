/**
 * Registries from both sides, strake and its peers in turn in one run: pull and push of a two-layer image through Debian's docker-registry by
 * strake, docker and podman as whole processes; and strake's registry beside docker-registry under the same requests of wrk and curl.
 *
 *   bun bench/registry.ts [--rounds N] [--mib N] [--only strake,docker,docker-registry] [--rows push,pull,put] [--data DIR] [--seconds N]
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { atTheEnd, breath, end, listen, scratch } from "./ending.ts";
import type { Sample } from "./measure.ts";
import { clientRows, figure, samplePull, samplePush } from "./registry/client-rows.ts";
import { type Client, dockerClient, podmanClient, strakeClient } from "./registry/clients.ts";
import { BenchImage } from "./registry/image.ts";
import { serverRows } from "./registry/server-rows.ts";
import {
  dockerRegistry,
  dockerRegistryOverS3,
  type Server,
  strakeOverS3,
  strakeServer,
} from "./registry/servers.ts";
import { chosen, Table } from "./table.ts";
import { writeLargeFile } from "./workload.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    mib: { type: "string", default: "448" },
    only: { type: "string" },
    rows: { type: "string" },
    /** Where what is moved is kept for the next run. */
    data: { type: "string" },
    /** Most seconds for 64 transfers at once. */
    seconds: { type: "string", default: "90" },
  },
});
const rounds = Number(options.rounds);
const workspace = scratch("strake-bench-registry-");
// Servers that tests have in common keep their folders here too, and so lose them with it.
process.env.TMPDIR = workspace;
listen();
const executable = process.env.STRAKE_BIN ?? join(import.meta.dir, "..", "dist", "strake");

const takesPart = ({ name, unavailable }: Client | Server) => {
  if (!chosen(options.only)(name)) return false;
  const reason = unavailable();
  if (reason !== undefined) console.error(`${name}: left out: ${reason}`);
  return reason === undefined;
};

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
  await breath();
  try {
    return await work();
  } catch (error) {
    await breath();
    console.error(`${what}: left out: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

async function measureClients(data: string): Promise<Table | undefined> {
  const rows = clientRows.filter(({ id }) => chosen(options.rows)(id));
  if (rows.length === 0) return undefined;
  const image = new BenchImage(data, { executable, mib: Number(options.mib) });
  const all = [strakeClient(workspace, executable), dockerClient(workspace), podmanClient(workspace)];
  const clients = all.filter(takesPart);
  const values = new Map(rows.map(({ id }) => [id, new Map<string, number>()]));
  for (const client of clients) {
    atTheEnd(() => client.teardown());
    try {
      await attempt(client.name, async () => {
        await client.setup();
        const samples = new Map<string, Sample[]>();
        for (const [way, sample] of [["push", samplePush] as const, ["pull", samplePull] as const])
          if (rows.some((row) => row.of === way)) samples.set(way, await sample(client, image, rounds));
        for (const row of rows) {
          const value = figure(client, row, samples.get(row.of)!);
          if (value !== undefined) values.get(row.id)!.set(client.name, value);
        }
      });
    } finally {
      await client.teardown();
    }
  }
  const table = new Table(clients.map(({ name }) => name));
  for (const row of rows) table.add(row, values.get(row.id)!);
  return table;
}

async function measureServers(data: string): Promise<Table | undefined> {
  const rows = serverRows.filter(({ id }) => chosen(options.rows)(id));
  if (rows.length === 0) return undefined;
  const blob = join(data, "blob");
  if (!existsSync(blob)) await writeLargeFile(blob, 286);
  const load = { rounds, blob, seconds: Number(options.seconds) };
  const all = [
    ...[strakeServer(workspace, executable), dockerRegistry()],
    ...[strakeOverS3(executable), dockerRegistryOverS3()],
  ];
  const servers = all.filter(takesPart);
  const table = new Table(servers.map(({ name }) => name));
  for (const row of rows) {
    const values = new Map<string, number>();
    for (const server of servers) {
      const value = await attempt(`${row.id}: ${server.name}`, () => row.measure(server, load));
      if (value !== undefined) values.set(server.name, value);
    }
    table.add(row, values);
  }
  return table;
}

const tables: (Table | undefined)[] = [];
try {
  const data = options.data ?? join(workspace, "data");
  mkdirSync(data, { recursive: true });
  tables.push(await measureClients(data), await measureServers(data));
} finally {
  await end();
}
for (const table of tables) table?.print();
