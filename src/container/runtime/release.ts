import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { lastMessage } from "./failure.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Lets the first process of a created container go on into its program. It waits at a fifo in the runtime's state, and `crun start` is a byte
 * into it: we write that byte ourselves, where the program takes 3 ms, most of them its libraries'. Where nobody waits at such a fifo (runc, whose
 * process writes and does not read, or a crun that does otherwise) the runtime is asked. Errors: CONTAINER_START_FAILED.
 */
export async function releaseContainer(runtime: Runtime, id: string): Promise<void> {
  if (runtime.name === "crun" && writeStartByte(`${runtime.stateRoot}/${id}/exec.fifo`)) return;
  const result = await runtime.call("start", id);
  if (result.status === 0) return;
  throw new StrakeError(
    "CONTAINER_START_FAILED",
    `the container could not be started: ${lastMessage(result.stderr)}`,
    { exitCode: 125 },
  );
}

function writeStartByte(fifo: string): boolean {
  let fd: number;
  try {
    // Fails at once when nobody reads.
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return false;
  }
  try {
    // Without it the runtime calls the container running.
    unlinkSync(fifo);
    writeSync(fd, Uint8Array.of(0));
    return true;
  } catch {
    return false;
  } finally {
    closeSync(fd);
  }
}
