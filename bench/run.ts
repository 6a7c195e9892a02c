/**
 * The figures of the issues, measured as whole processes, strake and its peers in turn in one run.
 *
 *   bun bench/run.ts [--rounds N] [--only strake,docker] [--rows cold,cached] [--keep]
 *
 * Every cell is a median; the last columns are how many times longer a peer takes. Machines are noisy: compare ratios.
 */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { atTheEnd, breath, end, listen, runScratch, scratch } from "./ending.ts";
import { type Sample, timed } from "./measure.ts";
import { docker } from "./peers/docker.ts";
import type { Peer } from "./peers/peer.ts";
import { buildah, podman } from "./peers/podman.ts";
import { strake } from "./peers/strake.ts";
import { chosen, type RowHead, repeat as repeated, Table } from "./table.ts";
import { writeLargeFile, writeManyFiles } from "./workload.ts";

interface Row extends RowHead {
  readonly runs: boolean;
  measure(peer: Peer): Promise<number>;
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
    rows: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds);
const executable = join(import.meta.dir, "..", "dist", "strake");
const workspace = options.keep ? mkdtempSync(join(tmpdir(), "strake-bench-")) : scratch("strake-bench-");
const runSpace = runScratch("strake-bench-run-");
listen();
const baseTag = "strake.test/busybox:1";
const baseArchive = join(workspace, "base.tar");

/** The base for everyone is made by strake and handed over as a docker-archive. */
function makeBase(): void {
  const env = { STRAKE_ROOT: join(workspace, "maker"), STRAKE_RUNROOT: join(workspace, "maker-run") };
  timed([executable, "bootstrap", "busybox", "-t", baseTag], { env });
  timed([executable, "save", "-o", baseArchive, baseTag], { env });
}

let contexts = 0;
async function context(
  dockerfile: string,
  fill: (directory: string) => void | Promise<void>,
): Promise<string> {
  const directory = join(workspace, `context${contexts++}`);
  mkdirSync(directory);
  await fill(directory);
  writeFileSync(join(directory, "Dockerfile"), dockerfile);
  return directory;
}

const build = (peer: Peer, directory: string, tag: string): Sample =>
  timed(peer.build(directory, tag), { env: peer.env() });

const repeat = (measure: (round: number) => number | Promise<number>, warmUp?: number) =>
  repeated(rounds, measure, warmUp);

/** For what takes milliseconds, of which a machine's noise is a larger part. */
const repeatOften = (measure: () => number) => repeated(5 * rounds, measure, 3);

const copyFile = `FROM ${baseTag}\nWORKDIR /src\nCOPY . .\nCMD ["true"]\n`;
const smallFile = `FROM ${baseTag}
ENV A=1
WORKDIR /app
COPY a.txt .
RUN echo one > /one
RUN echo two > /two
COPY b.txt .
EXPOSE 80
CMD ["true"]
`;
const small = (directory: string) => {
  writeFileSync(join(directory, "a.txt"), "a");
  writeFileSync(join(directory, "b.txt"), "b");
};
let seed = 1;

const memoryHead = { unit: "MiB", reach: 128 } as const;

/** A COPY of so many files, as the name of the row says it. */
function memoryOfCopy(
  id: string,
  name: string,
  size: { readonly count: number; readonly bytes: number },
  sources = ".",
): Row {
  return {
    ...{ ...memoryHead, id, what: `peak memory: COPY ${name}`, runs: false },
    async measure(peer) {
      const dockerfile = `FROM ${baseTag}\nCOPY ${sources} /src/\n`;
      const directory = await context(dockerfile, (d) => writeManyFiles(d, seed++, size));
      const { peakMiB } = build(peer, directory, `bench/${id}`);
      rmSync(directory, { recursive: true });
      return peakMiB;
    },
  };
}

function memoryOfRun(id: string, count: number): Row {
  return {
    ...{ ...memoryHead, id, what: `peak memory: RUN makes ${count.toLocaleString("en")} files`, runs: true },
    async measure(peer) {
      const making = `mkdir /made && cd /made && seq ${count} | xargs touch`;
      const directory = await context(`FROM ${baseTag}\nRUN ${making} && echo ${seed++}\n`, () => {});
      return build(peer, directory, `bench/${id}`).peakMiB;
    },
  };
}

const rows: readonly Row[] = [
  {
    ...{ id: "cold", what: "build: COPY 20,000 files (92 MB), cold", unit: "ms", reach: 800, runs: false },
    async measure(peer) {
      // A new context and new contents every round: nothing of it can be cached.
      return await repeat(async () => {
        const directory = await context(copyFile, (d) => writeManyFiles(d, seed++));
        Bun.spawnSync(["sync"]);
        const sample = build(peer, directory, "bench/cold");
        rmSync(directory, { recursive: true });
        return sample.wallMs;
      }, 0);
    },
  },
  {
    ...{ id: "cached", what: "build: the same again, unchanged", unit: "ms", reach: 150, runs: false },
    async measure(peer) {
      const directory = await context(copyFile, (d) => writeManyFiles(d, seed++));
      build(peer, directory, "bench/cached");
      await Bun.sleep(1100);
      return await repeat(() => build(peer, directory, "bench/cached").wallMs);
    },
  },
  {
    ...{ id: "changed", what: "build: after one file changed", unit: "ms", reach: 600, runs: false },
    async measure(peer) {
      const directory = await context(copyFile, (d) => writeManyFiles(d, seed++));
      build(peer, directory, "bench/changed");
      return await repeat((round) => {
        appendFileSync(join(directory, "d3", "e4", "file3400.js"), `// ${round}\n`);
        return build(peer, directory, "bench/changed").wallMs;
      });
    },
  },
  {
    ...{ id: "small", what: "build: 9 lines, all cached", unit: "ms", reach: 30, runs: false },
    async measure(peer) {
      const directory = await context(smallFile, small);
      build(peer, directory, "bench/small");
      return await repeat(() => build(peer, directory, "bench/small").wallMs, 2);
    },
  },
  {
    ...{ id: "run-host", what: "run --rm --network host … true", unit: "ms", reach: 40, runs: true },
    measure: (peer) =>
      repeatOften(() => timed(peer.run(baseTag, "host", ["true"]), { env: peer.env() }).wallMs),
  },
  {
    ...{ id: "run-bridge", what: "run --rm (bridge) … true", unit: "ms", reach: 70, runs: true },
    measure: (peer) =>
      repeatOften(() => timed(peer.run(baseTag, "bridge", ["true"]), { env: peer.env() }).wallMs),
  },
  {
    ...{ id: "version", what: "version", unit: "ms", reach: 15, runs: false },
    measure: (peer) => repeatOften(() => timed(peer.version(), { env: peer.env() }).wallMs),
  },
  {
    ...{ id: "memory-many", what: "peak memory: COPY 20,000 files", unit: "MiB", reach: 128, runs: false },
    async measure(peer) {
      const directory = await context(copyFile, (d) => writeManyFiles(d, seed++));
      return build(peer, directory, "bench/memory").peakMiB;
    },
  },
  {
    ...{
      id: "memory-changed",
      what: "peak memory: one of 20,000 files changed",
      unit: "MiB",
      reach: 128,
      runs: false,
    },
    async measure(peer) {
      const directory = await context(copyFile, (d) => writeManyFiles(d, seed++));
      build(peer, directory, "bench/memory-changed");
      appendFileSync(join(directory, "d3", "e4", "file3400.js"), "// changed\n");
      return build(peer, directory, "bench/memory-changed").peakMiB;
    },
  },
  memoryOfCopy("memory-more", "100,000 files (460 MB)", { count: 100_000, bytes: 460_000_000 }),
  memoryOfCopy("memory-most", "200,000 files (920 MB)", { count: 200_000, bytes: 920_000_000 }),
  memoryOfCopy(
    "memory-pattern",
    "200,000 files by a pattern",
    { count: 200_000, bytes: 20_000_000 },
    "d*/e*/*.js",
  ),
  memoryOfRun("memory-run", 100_000),
  memoryOfRun("memory-run-most", 200_000),
  {
    ...{
      id: "memory-large",
      what: "peak memory: COPY one file of 1 GiB",
      unit: "MiB",
      reach: 128,
      runs: false,
    },
    async measure(peer) {
      const directory = await context(copyFile, (d) => writeLargeFile(join(d, "large"), 1024));
      const { peakMiB } = build(peer, directory, "bench/large");
      rmSync(directory, { recursive: true });
      return peakMiB;
    },
  },
];

const peers: Peer[] = [];
let table: Table | undefined;
try {
  makeBase();
  for (const peer of [strake(executable), docker(), podman(), buildah()].filter((p) =>
    chosen(options.only)(p.name),
  )) {
    await breath();
    const reason = peer.unavailable();
    if (reason !== undefined) {
      console.error(`${peer.name}: left out: ${reason}`);
      continue;
    }
    atTheEnd(() => peer.teardown());
    try {
      await peer.setup({ workspace, runSpace, baseArchive, baseTag });
      peers.push(peer);
    } catch (error) {
      await breath();
      console.error(`${peer.name}: left out: ${error instanceof Error ? error.message : error}`);
    }
  }
  table = new Table(peers.map(({ name }) => name));
  for (const row of rows.filter((r) => chosen(options.rows)(r.id))) {
    const values = new Map<string, number>();
    for (const peer of peers) {
      // A daemon's memory is not its client's: only programs that do the work themselves have a figure.
      if ((row.unit === "MiB" && peer.name === "docker") || (row.runs && peer.name === "buildah")) continue;
      await breath();
      try {
        values.set(peer.name, await row.measure(peer));
      } catch (error) {
        await breath();
        console.error(`${row.id}: ${peer.name}: ${error instanceof Error ? error.message : error}`);
      }
    }
    await breath();
    table.add(row, values);
  }
} finally {
  await end();
}

table?.print();
