import { expect, test } from "bun:test";
import { once } from "node:events";
import { createServer } from "node:http";
import { get } from "node:https";
import type { AddressInfo } from "node:net";
import { connectionError } from "./connection-error.ts";

test("TLS spoken to a registry of plain HTTP: the hint is --insecure, not a CA", async () => {
  const server = createServer((_, response) => response.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/v2/`);
  try {
    const thrown = await new Promise((resolve) => get(url, () => resolve(undefined)).on("error", resolve));
    const error = connectionError(thrown, url);
    expect(error.code).toBe("REGISTRY_TLS");
    expect(error.hint).toContain("plain HTTP");
    expect(error.hint).not.toContain("ca.crt");
  } finally {
    server.close();
  }
});
