import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type AccessRecord, MemoryStore, Registry } from "../../src/registry/server/index.ts";
import { Authority } from "../support/certificates.ts";
import { freePort } from "../support/free-port.ts";

/** The recipes of docs/registry.md as they stand there, but for addresses and the paths of certificates. */
const page = readFileSync(resolve(import.meta.dir, "../../docs/registry.md"), "utf8");
const recipe = (language: string) => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page)![1]!;

/** What a recipe becomes on a machine of its own. */
interface Place {
  readonly folder: string;
  readonly port: number;
  readonly servers: readonly [string, string];
  readonly health: number;
}

const replaced = (text: string, changes: readonly (readonly [string, string])[]) =>
  changes.reduce((before, [from, to]) => {
    expect(before).toContain(from);
    return before.replaceAll(from, to);
  }, text);

const proxies = {
  nginx: ({ folder, port, servers: [one, other] }: Place) => {
    const text = replaced(recipe("nginx"), [
      ["listen 443 ", `listen 127.0.0.1:${port} `],
      ["listen [::]:443 ", `listen [::1]:${port} `],
      ["server 127.0.0.1:5000 max_fails=0;", `server ${one} max_fails=0; server ${other} max_fails=0;`],
      ["/etc/nginx/registry", join(folder, "registry")],
    ]);
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${name};`,
    );
    writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; master_process off; pid pid; error_log stderr;
events {}
http { access_log off; ${paths.join(" ")}\n${text}}`,
    );
    return ["nginx", "-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")];
  },
  haproxy: ({ folder, port, servers: [one, other], health }: Place) => {
    const text = replaced(recipe("haproxy"), [
      ["bind :::443 v4v6 ", `bind 127.0.0.1:${port} `],
      ["/etc/haproxy/registry.pem", join(folder, "registry.pem")],
      ["10.0.0.11:5000", one],
      ["10.0.0.12:5000", other],
      ["port 9090", `port ${health}`],
    ]);
    writeFileSync(join(folder, "haproxy.cfg"), text);
    return ["haproxy", "-db", "-f", join(folder, "haproxy.cfg")];
  },
};

for (const [name, configure] of Object.entries(proxies)) {
  const isHere = Bun.which(name, { PATH: `${process.env.PATH}:/usr/sbin` }) !== null;
  if (!isHere) console.log(`skipped: our registry behind ${name}: ${name} is not installed`);

  describe.skipIf(!isHere)(`behind ${name}, as docs/registry.md has it`, () => {
    const records: AccessRecord[] = [];
    const things = new AsyncDisposableStack();
    let origin: string;
    let ask: (path: string, init?: RequestInit) => Promise<Response>;

    beforeAll(async () => {
      const folder = mkdtempSync(join(tmpdir(), "strake-behind-"));
      things.defer(() => rmSync(folder, { recursive: true, force: true }));
      const authority = things.use(new Authority("a test's"));
      const { cert, key } = authority.sign("DNS:localhost,IP:127.0.0.1");
      writeFileSync(join(folder, "registry.crt"), cert);
      writeFileSync(join(folder, "registry.key"), key);
      writeFileSync(join(folder, "registry.pem"), cert + key);
      writeFileSync(
        join(folder, "users"),
        `ann:${await Bun.password.hash("pw", { algorithm: "bcrypt", cost: 4 })}\n`,
      );
      const registry = await Registry.start({
        storage: new MemoryStore(),
        rules: { htpasswd: join(folder, "users"), admins: { users: ["ann"] }, token: {} },
        trustedProxies: ["127.0.0.1"],
        reports: { port: 0 },
        log: (record) => records.push(record),
      });
      things.defer(() => registry.stop({ grace: 100 }));
      const port = freePort();
      const health = Number(registry.reportsURL!.port);
      const command = configure({ folder, port, servers: [registry.host, registry.host], health });
      const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
      const proxy = Bun.spawn(command, { env, stdout: "ignore", stderr: "pipe" });
      things.defer(async () => {
        proxy.kill("SIGKILL");
        await proxy.exited;
      });
      origin = `https://127.0.0.1:${port}`;
      ask = (path, init) =>
        fetch(new URL(path, origin), { ...init, tls: { ca: authority.cert } } as RequestInit);
      while (
        !(await ask("/readyz").then(
          ({ ok }) => ok,
          () => false,
        ))
      ) {
        if (proxy.exitCode !== null) throw new Error(await new Response(proxy.stderr).text());
        await Bun.sleep(20);
      }
    });
    afterAll(() => things.disposeAsync());

    test("log in by TLS, push what is larger than 1 MiB in parts, pull it, page through tags", async () => {
      const challenge = (await ask("/v2/")).headers.get("www-authenticate")!;
      expect(challenge).toBe(`Bearer realm="${origin}/token",service="strake"`);
      const basic = { Authorization: `Basic ${btoa("ann:pw")}` };
      const asked = await ask("/token?service=strake&scope=repository:a/b:pull,push", { headers: basic });
      const { token } = (await asked.json()) as { token: string };
      const headers = { Authorization: `Bearer ${token}` };
      const content = crypto.getRandomValues(new Uint8Array(1 << 16));
      const whole = Buffer.concat(Array.from({ length: 80 }, () => content));
      const digest = `sha256:${createHash("sha256").update(whole).digest("hex")}`;
      const begun = await ask("/v2/a/b/blobs/uploads/", { method: "POST", headers });
      expect([begun.status, await begun.text()]).toEqual([202, ""]);
      let at = begun.headers.get("location")!;
      expect(at).toStartWith("/v2/");
      // One part says its length, the other does not.
      const stream = new Response(whole.subarray(2 << 20)).body!;
      for (const body of [whole.subarray(0, 2 << 20), stream]) {
        const taken = await ask(at, { method: "PATCH", headers, body });
        expect(taken.status).toBe(202);
        at = taken.headers.get("location")!;
      }
      expect((await ask(`${at}?digest=${digest}`, { method: "PUT", headers })).status).toBe(201);
      const blob = await ask(`/v2/a/b/blobs/${digest}`, { headers });
      expect(Buffer.from(await blob.arrayBuffer()).equals(whole)).toBe(true);
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      const descriptor = { mediaType: "application/octet-stream", digest, size: whole.length };
      const manifest = { schemaVersion: 2, mediaType, config: descriptor, layers: [descriptor] };
      for (const tag of ["1", "2"]) {
        const init = { method: "PUT", headers: { ...headers, "Content-Type": mediaType } };
        expect(
          (await ask(`/v2/a/b/manifests/${tag}`, { ...init, body: JSON.stringify(manifest) })).status,
        ).toBe(201);
      }
      const first = await ask("/v2/a/b/tags/list?n=1", { headers });
      const next = /<([^>]*)>; rel="next"/.exec(first.headers.get("link")!)![1]!;
      expect(await (await ask(next, { headers })).json()).toEqual({ name: "a/b", tags: ["2"] });
    });

    test("the log has who asks the proxy, not what a client says of itself", async () => {
      records.length = 0;
      await ask("/v2/", { headers: { "X-Forwarded-For": "198.51.100.1", "User-Agent": "forger" } });
      expect(records.filter(({ userAgent }) => userAgent === "forger").map(({ remote }) => remote)).toEqual([
        "127.0.0.1",
      ]);
    });
  });
}
