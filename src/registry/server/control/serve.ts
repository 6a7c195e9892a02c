import { chmodSync, rmSync } from "node:fs";
import { toStrakeError } from "../../../errors/index.ts";
import type { Administration } from "../administration.ts";
import { operate } from "./operations.ts";
import { socketAddress } from "./socket.ts";

/**
 * Takes the administration's commands over a Unix socket: a folder has one process that may write to it, so whoever else
 * wants something done to it asks that process. Who may open the socket is who may enter its folder, which is the
 * registry's own and private. The caller holds the folder's lock: a socket that is there already is a dead process's.
 */
export function serveControl(administration: Administration, path: string): { stop: () => Promise<void> } {
  rmSync(path, { force: true });
  using address = socketAddress(path);
  const server = Bun.serve({
    unix: address.path,
    development: false,
    fetch: async (request, server) => {
      // Reading everything that is stored takes hours.
      server.timeout(request, 0);
      const name = new URL(request.url).pathname.slice(1);
      try {
        const input: unknown = await request.json();
        return Response.json((await operate(administration, { name, input }, request.signal)) ?? null);
      } catch (thrown) {
        const { code, message, hint } = toStrakeError(thrown);
        return Response.json({ code, message, hint }, { status: 400 });
      }
    },
  });
  chmodSync(address.path, 0o600);
  return {
    stop: async () => {
      await server.stop(true);
      rmSync(path, { force: true });
    },
  };
}
