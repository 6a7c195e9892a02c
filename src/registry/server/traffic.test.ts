import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { connect } from "node:net";
import type { AccessRecord } from "./access-log.ts";
import { Registry } from "./server.ts";

const digestOf = (content: Uint8Array) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

async function metric(registry: Registry, name: string): Promise<number> {
  const text = await (await fetch(`${registry.url}metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)![1]);
}

/** As docker and podman push: nobody knows how long the body is before it ends. */
const stream = (...parts: Uint8Array[]) =>
  new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });

async function begin(registry: Registry): Promise<URL> {
  const begun = await fetch(`${registry.url}v2/a/blobs/uploads/`, { method: "POST" });
  return new URL(begun.headers.get("location")!, registry.url);
}

test("bytes are counted as they come, whatever the headers say", async () => {
  const records: AccessRecord[] = [];
  await using registry = await Registry.start({ log: (record) => records.push(record) });
  const content = new Uint8Array(3000).fill(7);
  const upload = await begin(registry);
  await fetch(upload, { method: "PATCH", body: stream(content.subarray(0, 1000), content.subarray(1000)) });
  upload.searchParams.set("digest", digestOf(content));
  await fetch(upload, { method: "PUT" });
  expect(await metric(registry, "strake_registry_received_bytes_total")).toBe(3000);
  const patch = records.find(({ method }) => method === "PATCH");
  expect(patch?.received).toBe(3000);

  // One that breaks off brought what it brought.
  const socket = connect(registry.port, "127.0.0.1");
  const broken = await begin(registry);
  socket.write(`PATCH ${broken.pathname} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n0123456789`);
  while ((await fetch(broken)).headers.get("range") !== "0-9") await Bun.sleep(5);
  socket.destroy();
  while (records.filter(({ method }) => method === "PATCH").length < 2) await Bun.sleep(5);
  expect(records.findLast(({ method }) => method === "PATCH")?.received).toBe(10);
  expect(await metric(registry, "strake_registry_received_bytes_total")).toBe(3010);
});

test("answers of JSON have their length in the log and in the metrics", async () => {
  const records: AccessRecord[] = [];
  await using registry = await Registry.start({ log: (record) => records.push(record) });
  let sent = 0;
  for (const path of ["v2/", "v2/_catalog", "v2/none/tags/list", "v2/A/tags/list", "token"]) {
    const { byteLength } = await (await fetch(registry.url + path)).arrayBuffer();
    expect(byteLength).toBeGreaterThan(0);
    expect([path, records.at(-1)?.bytes]).toEqual([path, byteLength]);
    sent += byteLength;
  }
  const { headers } = await fetch(`${registry.url}v2/_catalog`, { method: "HEAD" });
  expect([headers.get("content-length"), records.at(-1)?.bytes]).toEqual(["19", 0]);
  expect(await metric(registry, "strake_registry_sent_bytes_total")).toBe(sent);
});

test("what is still being sent is in flight", async () => {
  await using registry = await Registry.start();
  const content = new Uint8Array(64 << 20);
  const url = `${registry.url}v2/a/blobs/uploads/?digest=${digestOf(content)}`;
  await fetch(url, { method: "POST", body: content });
  const socket = connect(registry.port, "127.0.0.1");
  socket.write(`GET /v2/a/blobs/${digestOf(content)} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
  // The one that asks is one of them.
  expect(await metric(registry, "strake_registry_in_flight_requests")).toBe(2);
  socket.destroy();
  while ((await metric(registry, "strake_registry_in_flight_requests")) !== 1) await Bun.sleep(5);
});
