import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeStrake, type Strake } from "../strake.ts";
import { type Docker, startDocker } from "./daemon.ts";

/** docker and strake with the same busybox, to be compared. */
export interface Beside {
  readonly strake: Strake;
  readonly docker: Docker;
  /** An empty folder to work in. */
  readonly workspace: string;
  stop(): Promise<void>;
}

export async function startBeside(): Promise<Beside> {
  const workspace = mkdtempSync(join(tmpdir(), "strake-differential-"));
  const strake = makeStrake();
  let docker: Docker | undefined;
  const stop = async () => {
    await strake.remove();
    await docker?.stop();
    rmSync(workspace, { recursive: true, force: true });
  };
  try {
    docker = await startDocker();
    await strake.ok("bootstrap", "busybox");
    const base = join(workspace, "base.tar");
    await strake.ok("save", "busybox", "-o", base);
    await docker.ok("load", "-i", base);
    return { strake, docker, workspace, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
