import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { sha256 } from "../../src/oci/index.ts";
import { serveRegistry } from "../support/serve-registry.ts";
import { makeStrake } from "../support/strake.ts";

const prlimit = Bun.which("prlimit");
if (!prlimit) console.log("skipped: a registry without descriptors is not tested without prlimit");

test.skipIf(!prlimit)(
  "a registry that has no file descriptor left answers 503, and goes on when it has",
  async () => {
    const strake = makeStrake();
    const server = await serveRegistry([
      "--storage",
      join(strake.home, "registry"),
      "--listen",
      "127.0.0.1:0",
    ]);
    const sockets: Socket[] = [];
    try {
      const push = (text: string, connection = "keep-alive") =>
        fetch(`${server.url}v2/a/blobs/uploads/?digest=${sha256(Buffer.from(text))}`, {
          ...{ method: "POST", body: text, headers: { Connection: connection } },
        });
      expect((await push("first")).status).toBe(201);
      const open = () => readdirSync(`/proc/${server.pid}/fd`).length;
      const limit = open() + 1;
      Bun.spawnSync([prlimit!, "--pid", String(server.pid), `--nofile=${limit}:4096`]);
      // The connection it was asked on stays open; another one takes the last descriptor.
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
      sockets.push(socket);
      while (open() < limit) await Bun.sleep(5);
      const refused = await push("second");
      expect([refused.status, refused.headers.get("retry-after"), await refused.json()]).toMatchObject([
        503,
        "5",
        { errors: [{ code: "UNAVAILABLE" }] },
      ]);
      Bun.spawnSync([prlimit!, "--pid", String(server.pid), "--nofile=4096:4096"]);
      expect((await push("second")).status).toBe(201);
    } finally {
      for (const socket of sockets) socket.destroy();
      await server.kill();
      await strake.remove();
    }
  },
);
