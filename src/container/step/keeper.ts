import { toolEnvironment } from "../runtime/command.ts";
import type { Runtime } from "../runtime/runtime.ts";

/**
 * Waits for a line, or for the end of the pipe, which comes when we die. A runtime that is still making the container
 * knows nothing of it yet, so one attempt is not enough; one for a container that is gone costs nothing.
 */
const script = `read -r word; [ "$word" = over ] && exit 0
for pause in 0 0.05 0.1 0.2 0.5 1; do sleep $pause; "$1" --root "$2" delete --force "$3"; done`;

/** What ends a step when this process is killed. */
export interface Keeper {
  /** The step is over, there is nothing left to end. */
  dismiss(): void;
}

/**
 * Starts a process that kills the container of a step as soon as we are gone, kill -9 included. The runtime cannot be told to: its own death
 * signal (prctl) would end the runtime and leave the container to init. It has a session of its own, so that what
 * kills our process group or Ctrl-C spares it.
 */
export function keepStep(runtime: Runtime, id: string): Keeper {
  const keeper = Bun.spawn(["/bin/sh", "-c", script, "sh", runtime.path, runtime.stateRoot, id], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
    env: toolEnvironment(),
    cwd: "/",
    detached: true,
  });
  keeper.unref();
  return {
    dismiss() {
      // Somebody may have killed it: a broken pipe is no failure of the step.
      const ignore = () => {};
      void Promise.resolve(keeper.stdin.write("over\n")).catch(ignore);
      void Promise.resolve(keeper.stdin.end()).catch(ignore);
    },
  };
}
