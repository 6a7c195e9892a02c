import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "../support/serve-registry.ts";

const home = mkdtempSync(join(tmpdir(), "strake-uploads-killed-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const root = join(home, "registry");
const ledger = join(root, "objects/quotas/namespace/team");
const config = join(home, "config.toml");
writeFileSync(config, '[[access.quotas]]\nnamespaces = ["*"]\nmaxBytes = "10MB"\n');
const serve = () =>
  serveRegistry(["--storage", "files", "--root", root, "--listen", "127.0.0.1:0", "--config", config]);

async function begin(host: string): Promise<URL> {
  const answer = await fetch(`http://${host}/v2/team/app/blobs/uploads/`, { method: "POST" });
  return new URL(answer.headers.get("location")!, `http://${host}`);
}

/** Bytes that uploads take of the disk. */
const held = () => {
  const names = readdirSync(join(root, "uploads"));
  return names.reduce((sum, name) => sum + statSync(join(root, "uploads", name)).size, 0);
};

test("what a killed registry had received counts for the next one, and gives its room back when it is old", async () => {
  const first = await serve();
  const upload = await begin(first.host);
  const [hostname, port] = first.host.split(":") as [string, string];
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(`PATCH ${upload.pathname} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
  for (let i = 0; i < 96; i++) {
    socket.write("10000\r\n");
    socket.write(randomBytes(65536));
    socket.write("\r\n");
  }
  while (held() < 4 << 20) await Bun.sleep(5);
  await first.kill();
  socket.destroy();

  const second = await serve();
  const blob = randomBytes(6_000_000);
  const patch = async (host: string) => fetch(await begin(host), { method: "PATCH", body: blob });
  const refused = await patch(second.host);
  expect([refused.status, await refused.text()]).toEqual([429, expect.stringContaining("1 of them hold")]);
  expect(held()).toBeLessThan(10_000_000);
  await second.kill();

  // Five minutes later.
  const found = JSON.parse(readFileSync(ledger, "utf8")) as { uploads: Record<string, { at: number }> };
  for (const claim of Object.values(found.uploads)) claim.at -= 301_000;
  writeFileSync(ledger, JSON.stringify(found));
  const third = await serve();
  expect((await patch(third.host)).status).toBe(202);
  expect(held()).toBeLessThan(6_100_000);
  expect((await fetch(new URL(upload.pathname, `http://${third.host}`))).status).toBe(404);
  await third.kill();
}, 60_000);
