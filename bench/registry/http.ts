import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";

/** One transfer by curl. */
export interface Transfer {
  readonly seconds: number;
  readonly bytes: number;
}

/** Where an upload of a blob is put, to which `digest=` is added. */
async function beginUpload(base: string): Promise<string> {
  const answer = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
  const location = answer.headers.get("location");
  if (answer.status !== 202 || location === null) throw new Error(`POST: ${answer.status}`);
  const url = new URL(location, base).href;
  return `${url}${url.includes("?") ? "&" : "?"}digest=`;
}

export async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

/** `base`: `http://HOST/v2/NAME`. One POST and one PUT, of which only the PUT is timed. */
export async function putBlob(
  base: string,
  file: string,
): Promise<Transfer & { digest: string; size: number }> {
  const digest = await digestOf(file);
  const [transfer] = await curl([[...upload(file), (await beginUpload(base)) + digest]]);
  return { ...transfer!, digest, size: statSync(file).size };
}

/** The same file as many times at once; what is not over after so many seconds is cut. */
export async function putBlobs(
  base: string,
  { file, digest, count, seconds }: { file: string; digest: string; count: number; seconds: number },
): Promise<Transfer[]> {
  const urls = await Promise.all(Array.from({ length: count }, () => beginUpload(base)));
  return await curl(
    urls.map((url) => [...upload(file), url + digest]),
    seconds,
  );
}

export async function getBlob(base: string, digest: string): Promise<Transfer> {
  return (await getBlobs(base, { digest, count: 1, seconds: 600 }))[0]!;
}

export function getBlobs(
  base: string,
  { digest, count, seconds }: { digest: string; count: number; seconds: number },
): Promise<Transfer[]> {
  return curl(
    Array.from({ length: count }, () => [`${base}/blobs/${digest}`]),
    seconds,
  );
}

export async function putManifest(base: string, tag: string, type: string, text: string): Promise<string> {
  const headers = { "content-type": type };
  const answer = await fetch(`${base}/manifests/${tag}`, { method: "PUT", headers, body: text });
  if (answer.status !== 201) throw new Error(`PUT of a manifest: ${answer.status} ${await answer.text()}`);
  return answer.headers.get("docker-content-digest")!;
}

const upload = (file: string) => [
  ...["-T", file, "-H", "Content-Type: application/octet-stream", "-H", "Expect:"],
];

/** One process for all transfers, all at once. Throws when one of them fails other than by the time that is given. */
async function curl(transfers: readonly (readonly string[])[], seconds = 600): Promise<Transfer[]> {
  const said = [
    "-sS",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code} %{time_total} %{size_upload} %{size_download}\\n",
  ];
  const common = [...said, "--max-time", String(seconds)];
  const args = transfers.flatMap((each, i) => [...(i > 0 ? ["--next"] : []), ...common, ...each]);
  const parallel = transfers.length > 1 ? ["-Z", "--parallel-immediate", "--parallel-max", "300"] : [];
  const child = Bun.spawn(["curl", ...parallel, ...args], { stdout: "pipe", stderr: "pipe" });
  const [text, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const code = await child.exited;
  // 28: the time was up.
  if (code !== 0 && code !== 28) throw new Error(`curl: ${errors}`);
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [status, time, up, down] = line.split(" ").map(Number);
      if (code === 0 && status !== 200 && status !== 201) throw new Error(`HTTP ${status}`);
      return { seconds: time!, bytes: up! + down! };
    });
}

/** Requests a second of one URL with 32 connections, by wrk; throws when one answer is not 200. */
export async function requestsPerSecond(url: string, accept: string): Promise<number> {
  const command = ["wrk", "-t1", "-c32", "-d4s", "-H", `Accept: ${accept}`, url];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const text = await new Response(child.stdout).text();
  await child.exited;
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(text)?.[1];
  if (rate === undefined || /Non-2xx|Socket errors/.test(text)) throw new Error(`wrk: ${text}`);
  return Number(rate);
}
