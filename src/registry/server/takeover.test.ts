import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { type Access, Registry } from "./index.ts";

const begin = async (registry: Registry, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST", headers });
  return answer.headers.get("location")!;
};

/** A client that sends the beginning of a chunk and then falls silent, its connection open. */
async function silentClient(
  registry: Registry,
  path: string,
  { bytes, fields = "" }: { bytes: string; fields?: string },
): Promise<Socket> {
  const socket = connect(registry.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(
    `PATCH ${path} HTTP/1.1\r\nHost: ${registry.host}\r\nContent-Length: 1000\r\n${fields}\r\n${bytes}`,
  );
  while ((await arrived(registry, path, fields)) < bytes.length) await Bun.sleep(5);
  return socket;
}

async function arrived(registry: Registry, path: string, fields: string): Promise<number> {
  const user = /x-user: (\S+)/.exec(fields)?.[1];
  const answer = await fetch(new URL(path, registry.url), { headers: user ? { "x-user": user } : {} });
  return Number(/^0-(\d+)$/.exec(answer.headers.get("range") ?? "0-0")![1]) + 1;
}

test("who comes again takes an upload over from a connection that has fallen silent", async () => {
  await using registry = await Registry.start();
  const path = await begin(registry);
  const silent = await silentClient(registry, path, { bytes: "abc" });
  const url = new URL(path, registry.url);
  const headers = { "Content-Range": "3-5" };
  const next = await fetch(url, { method: "PATCH", body: "def", headers });
  expect([next.status, next.headers.get("range")]).toEqual([202, "0-5"]);
  // What the silent one says now does not count any more.
  silent.write("x".repeat(997));
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update("abcdef").digest("hex")}`;
  url.searchParams.set("digest", digest);
  expect((await fetch(url, { method: "PUT" })).status).toBe(201);
  expect(await (await fetch(`${registry.url}v2/a/blobs/${digest}`)).text()).toBe("abcdef");
  silent.destroy();
});

test("nobody takes over what another began", async () => {
  const access: Access = ({ headers }) => ({ allow: true, actor: headers.get("x-user") ?? "nobody" });
  await using registry = await Registry.start({ access });
  const path = await begin(registry, { "x-user": "ann" });
  const silent = await silentClient(registry, path, { bytes: "abc", fields: "x-user: ann\r\n" });
  const headers = { "x-user": "bob" };
  const other = await fetch(new URL(path, registry.url), { method: "PATCH", body: "def", headers });
  expect(other.status).toBe(404);
  silent.write("d".repeat(997));
  while ((await arrived(registry, path, "x-user: ann")) < 1000) await Bun.sleep(5);
  expect(await arrived(registry, path, "x-user: ann")).toBe(1000);
  silent.destroy();
});
