import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "strake-registry-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = process.env.STRAKE_BIN
  ? [process.env.STRAKE_BIN]
  : [process.execPath, resolve(import.meta.dir, "../../src/cli/main.ts")];

function serve(...flags: string[]) {
  return Bun.spawn([...program, "registry", "serve", ...flags], {
    stdout: "pipe",
    stderr: "pipe",
    cwd: folder,
  });
}

/** The address a server says it serves. */
async function addressOf(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stderr.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`no address in ${JSON.stringify(text)}`);
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return /^serving (\S+)/.exec(text)![1]!;
}

test("serves a folder, logs requests as JSON, ends in order with SIGTERM", async () => {
  const server = serve("--storage", "images", "--listen", "127.0.0.1:0");
  const url = await addressOf(server.stderr);
  expect((await fetch(`${url}v2/`)).status).toBe(200);
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  const [line] = (await new Response(server.stdout).text()).trim().split("\n");
  expect(JSON.parse(line!)).toMatchObject({ method: "GET", path: "/v2/", status: 200 });
});

test("serves TLS", async () => {
  const openssl = Bun.which("openssl");
  if (!openssl) return console.log("TLS of the registry is not tested: openssl is not installed");
  const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  const names = [
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-keyout",
    "key.pem",
    "-out",
    "cert.pem",
  ];
  expect(Bun.spawnSync([openssl, ...args, ...names], { cwd: folder, stderr: "ignore" }).exitCode).toBe(0);
  const server = serve(
    ...["--storage", "memory", "--listen", "127.0.0.1:0", "--quiet"],
    ...["--tls-cert", "cert.pem", "--tls-key", "key.pem"],
  );
  try {
    const url = await addressOf(server.stderr);
    expect(url).toStartWith("https://");
    const ca = Bun.file(join(folder, "cert.pem"));
    expect((await fetch(`${url}v2/`, { tls: { ca } })).status).toBe(200);
  } finally {
    server.kill();
    await server.exited;
  }
});

test("says what is wrong with its flags", async () => {
  writeFileSync(join(folder, "file"), "");
  for (const [flags, message] of [
    [["--listen", "0.0.0.0:0", "--storage", "memory"], "other machines"],
    [["--storage", "memory", "--tls-cert", "x"], "belong together"],
    [["--storage", "memory", "--tls-cert", "x", "--tls-key", "y"], "x cannot be read"],
    [["--storage", "file/x", "--listen", "127.0.0.1:0"], "cannot be used"],
  ] as const) {
    const server = serve(...flags);
    expect(await server.exited).toBe(1);
    expect(await new Response(server.stderr).text()).toContain(message);
  }
});
