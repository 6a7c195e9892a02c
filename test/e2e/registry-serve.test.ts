import { afterAll, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Authority } from "../support/certificates.ts";
import { digestOf, pushImage } from "../support/push-image.ts";
import { startServe } from "../support/registry-process.ts";

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

/** Resolves when so many bytes of an upload that goes on have arrived. */
async function arrival(upload: string, bytes: number): Promise<void> {
  const range = async () => (await fetch(upload)).headers.get("range");
  while ((await range()) !== `0-${bytes - 1}`) await Bun.sleep(5);
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

test("SIGTERM lets an upload finish, tells webhooks what happened, and ends; a second one does not wait", async () => {
  const told: { body: string; signature: string | null }[] = [];
  const hook = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: async (request) => {
      told.push({ body: await request.text(), signature: request.headers.get("x-hub-signature-256") });
      return new Response();
    },
  });
  writeFileSync(join(folder, "hook-secret"), "between us\n");
  writeFileSync(
    join(folder, "drain.toml"),
    `listen = "127.0.0.1:0"
     log = "none"
     stopTimeout = "20s"
     storage = { driver = "memory" }
     webhooks = [{ url = "${hook.url}", secretFile = "hook-secret" }]
     metrics = { listen = "127.0.0.1:0" }`,
  );
  const server = await startServe(["--config", "drain.toml"], folder);
  await server.says("\n", 2);
  const reports = /metrics and health at (\S+)/.exec(server.said())![1]!;
  await pushImage(server.url, "a:v1");
  const begun = await fetch(`${server.url}v2/a/blobs/uploads/`, { method: "POST" });
  const { promise, resolve: finish } = Promise.withResolvers<void>();
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode("first "));
      await promise;
      controller.enqueue(new TextEncoder().encode("second"));
      controller.close();
    },
  });
  const location = new URL(begun.headers.get("location")!, server.url);
  const upload = location.href;
  location.searchParams.set("digest", digestOf("first second"));
  const put = fetch(location, { method: "PUT", body });
  await arrival(upload, 6);
  server.child.kill("SIGTERM");
  await server.says("stopping");
  await expect(fetch(`${server.url}v2/`)).rejects.toThrow();
  expect((await fetch(`${reports}readyz`)).status).toBe(503);
  finish();
  expect((await put).status).toBe(201);
  expect(await server.child.exited).toBe(0);
  expect(told).toHaveLength(1);
  expect(JSON.parse(told[0]!.body)).toMatchObject({ type: "manifest.pushed", repository: "a", tags: ["v1"] });
  const hmac = createHmac("sha256", "between us").update(told[0]!.body).digest("hex");
  expect(told[0]!.signature).toBe(`sha256=${hmac}`);
  await hook.stop(true);

  const stubborn = await startServe(["--storage", "memory", "--listen", "127.0.0.1:0", "--quiet"], folder);
  const again = await fetch(`${stubborn.url}v2/a/blobs/uploads/`, { method: "POST" });
  const half = connect(Number(new URL(stubborn.url).port), "127.0.0.1", () =>
    half.write(`PATCH ${again.headers.get("location")} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nxy`),
  );
  half.on("error", () => {});
  await arrival(new URL(again.headers.get("location")!, stubborn.url).href, 2);
  stubborn.child.kill("SIGTERM");
  await stubborn.says("stopping");
  stubborn.child.kill("SIGTERM");
  expect(await stubborn.child.exited).toBe(143);
  half.destroy();
}, 120_000);

test("goes on when the reader of its log goes away", async () => {
  const server = serve("--storage", "memory", "--listen", "127.0.0.1:0");
  try {
    const url = await addressOf(server.stderr);
    await server.stdout.cancel();
    for (let i = 0; i < 5; i++) {
      expect((await fetch(`${url}v2/`)).status).toBe(200);
      // Longer than lines are gathered.
      await Bun.sleep(80);
    }
  } finally {
    server.kill();
    expect(await server.exited).toBe(0);
  }
});

const script = Bun.which("script");
if (!script) console.log("skipped: a terminal that is closed is not tested without script (bsdutils)");
test.skipIf(!script)(
  "ends with the terminal it was started in, and only then",
  async () => {
    const command = [
      ...program,
      "registry",
      "serve",
      "--storage",
      "memory",
      "--listen",
      "127.0.0.1:0",
      "--quiet",
    ];
    const terminal = Bun.spawn([script!, "-qec", command.join(" "), "/dev/null"], {
      ...{ stdin: "pipe", stdout: "pipe", stderr: "ignore", cwd: folder },
    });
    const url = await addressOf(terminal.stdout);
    const answers = () =>
      fetch(`${url}healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    expect(await answers()).toBe(true);
    terminal.kill("SIGKILL");
    for (let i = 0; i < 2000 && (await answers()); i++) await Bun.sleep(10);
    expect(await answers()).toBe(false);
  },
  120_000,
);

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

test("says that nobody can log in, and what it is to who looks at its address", async () => {
  const flags = ["--storage", "memory", "--listen", "127.0.0.1:0", "--quiet"];
  for (const [more, isNoted] of [
    [["--token"], true],
    [["--admin", "ann"], true],
    [[], false],
  ] as const) {
    const server = serve(...flags, ...more);
    const reader = server.stderr.getReader();
    let said = "";
    while (!said.includes("serving ")) said += Buffer.from((await reader.read()).value!).toString();
    if (isNoted) {
      while (!said.includes("note: ")) said += Buffer.from((await reader.read()).value!).toString();
      expect(said).toContain("nobody but robots can log in");
    }
    const page = await fetch(/http:\S+/.exec(said)![0]);
    expect([page.status, await page.text()]).toEqual([200, "a registry of images; its API is at /v2/\n"]);
    server.kill();
    await server.exited;
    for (let part = await reader.read(); !part.done; part = await reader.read())
      said += Buffer.from(part.value).toString();
    expect(said.includes("note: ")).toBe(isNoted);
  }
});

test("says what is wrong with its flags", async () => {
  writeFileSync(join(folder, "file"), "");
  const memory = ["--storage", "memory", "--listen", "127.0.0.1:0"];
  using authority = new Authority("Team Root");
  for (const name of ["one", "two"]) {
    const { cert, key } = authority.sign("DNS:registry.test");
    writeFileSync(join(folder, `${name}.crt`), cert);
    writeFileSync(join(folder, `${name}.key`), key);
  }
  for (const [flags, message] of [
    [["--listen", "0.0.0.0:0", "--storage", "memory"], "other machines"],
    [["--storage", "memory", "--tls-cert", "x"], "belong together"],
    [["--storage", "memory", "--tls-cert", "x", "--tls-key", "y"], "x cannot be read"],
    [["--storage", "file/x", "--listen", "127.0.0.1:0"], "cannot be used"],
    [["--storage", "S3://images"], "is not s3://BUCKET[/PREFIX]"],
    [["--storage", "gs://images"], "is not s3://BUCKET[/PREFIX]"],
    [["--storage", "memory", "--listen", "5000"], "such as 127.0.0.1:5000"],
    [
      [...memory, "--tls-cert", "one.crt", "--tls-key", "two.key"],
      "tls.key: the key belongs to another certificate",
    ],
    [[...memory, "--tls-cert", "one.key", "--tls-key", "one.key"], "tls.cert: this is no certificate in PEM"],
    [[...memory, "--tls-cert", "one.crt", "--tls-key", "one.crt"], "tls.key: this is no private key in PEM"],
  ] as const) {
    const server = serve(...flags);
    expect(await server.exited).toBe(1);
    expect(await new Response(server.stderr).text()).toContain(message);
  }
});
