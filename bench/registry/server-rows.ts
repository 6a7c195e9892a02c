import { closeSync, openSync, statSync, writeSync } from "node:fs";
import { type RowHead, repeat } from "../table.ts";
import {
  digestOf,
  getBlob,
  getBlobs,
  putBlob,
  putBlobs,
  putManifest,
  requestsPerSecond,
  type Transfer,
} from "./http.ts";
import { peakMemory, type Served, type Server } from "./servers.ts";

export interface Load {
  readonly rounds: number;
  /** A file of random bytes, of which each round changes some. */
  readonly blob: string;
  /** Most seconds that all connections together may take. */
  readonly seconds: number;
}

export interface ServerRow extends RowHead {
  measure(server: Server, load: Load): Promise<number>;
}

const name = "bench/image";
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.oci.image.config.v1+json";

const speed = ({ bytes, seconds }: Transfer) => bytes / 1e6 / seconds;

async function serving<T>(server: Server, work: (served: Served, base: string) => Promise<T>): Promise<T> {
  const served = await server.start();
  try {
    return await work(served, `http://${served.host}/v2/${name}`);
  } finally {
    await served.stop();
  }
}

let change = Date.now();
/** Makes the file one that no server has seen. */
function renew(file: string): void {
  const fd = openSync(file, "r+");
  writeSync(fd, Buffer.from(String(change++)), 0, null, 4096);
  closeSync(fd);
}

/** A manifest of five layers, which no server has to have for this. */
async function manifestURL(base: string, blob: string, by: "tag" | "digest"): Promise<string> {
  const small = `${blob}.small`;
  await Bun.write(small, "{}");
  const { digest, size } = await putBlob(base, small);
  const layers = Array.from({ length: 5 }, () => ({ mediaType: configType, digest, size }));
  const config = { mediaType: configType, digest, size };
  const text = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers });
  const manifest = await putManifest(base, "1", manifestType, text);
  return `${base}/manifests/${by === "tag" ? "1" : manifest}`;
}

const manifests = (by: "tag" | "digest"): ServerRow => ({
  ...{ id: `manifest-${by}`, what: `GET of a manifest by ${by}, 32 connections`, unit: "/s", reach: 30_000 },
  measure: (server, { rounds, blob }) =>
    serving(server, async (_, base) => {
      const url = await manifestURL(base, blob, by);
      return await repeat(rounds, () => requestsPerSecond(url, manifestType));
    }),
});

/** At once. */
const count = 64;

type Figures = { memory: number; speed: number };
const crowds = new Map<string, Promise<Figures>>();

/** All connections at once, once: memory and speed are two figures of the same run. */
function crowd(server: Server, way: "put" | "get", load: Load): Promise<Figures> {
  const key = `${way} ${server.name}`;
  let figures = crowds.get(key);
  figures ??= serving(server, async ({ pid }, base) => {
    const { blob: file, seconds } = load;
    renew(file);
    const digest = way === "put" ? await digestOf(file) : (await putBlob(base, file)).digest;
    const begin = performance.now();
    const transfers = await (way === "put"
      ? putBlobs(base, { file, digest, count, seconds })
      : getBlobs(base, { digest, count, seconds }));
    const took = (performance.now() - begin) / 1000;
    const bytes = transfers.reduce((sum, transfer) => sum + transfer.bytes, 0);
    if (bytes < count * statSync(file).size)
      console.error(
        `${key}: cut after ${seconds} s, with ${Math.round(bytes / 1e6)} MB of ${count} connections`,
      );
    return { memory: peakMemory(pid), speed: bytes / 1e6 / took };
  });
  crowds.set(key, figures);
  return figures;
}

export const serverRows: readonly ServerRow[] = [
  manifests("tag"),
  manifests("digest"),
  {
    ...{ id: "put", what: "PUT of a blob of 300 MB", unit: "MB/s", reach: 500 },
    measure: (server, { rounds, blob }) =>
      serving(server, (_, base) =>
        repeat(rounds, async () => {
          renew(blob);
          return speed(await putBlob(base, blob));
        }),
      ),
  },
  {
    ...{ id: "get-first", what: "GET of it, first after the PUT", unit: "MB/s", reach: 1200 },
    measure: (server, { rounds, blob }) =>
      serving(server, (_, base) =>
        repeat(rounds, async () => {
          renew(blob);
          const { digest } = await putBlob(base, blob);
          return speed(await getBlob(base, digest));
        }),
      ),
  },
  {
    ...{ id: "get", what: "GET of it, again", unit: "MB/s", reach: 1200 },
    measure: (server, { rounds, blob }) =>
      serving(server, async (_, base) => {
        const { digest } = await putBlob(base, blob);
        return await repeat(rounds, async () => speed(await getBlob(base, digest)), 2);
      }),
  },
  {
    ...{ id: "memory-put", what: "peak memory, 64 PUTs of 300 MB at once", unit: "MiB", reach: 160 },
    measure: async (server, load) => (await crowd(server, "put", load)).memory,
  },
  {
    ...{ id: "put-64", what: "64 PUTs at once, in sum", unit: "MB/s" },
    measure: async (server, load) => (await crowd(server, "put", load)).speed,
  },
  {
    ...{ id: "memory-get", what: "peak memory, 64 GETs of 300 MB at once", unit: "MiB", reach: 160 },
    measure: async (server, load) => (await crowd(server, "get", load)).memory,
  },
  {
    ...{ id: "get-64", what: "64 GETs at once, in sum", unit: "MB/s" },
    measure: async (server, load) => (await crowd(server, "get", load)).speed,
  },
];
