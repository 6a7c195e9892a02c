import { StrakeError } from "../../errors/index.ts";

/**
 * What a container is doing. Stored as JSON; times in milliseconds since the epoch. A pid counts only together with its
 * start time and boot: numbers come again.
 */
export type ContainerState =
  | {
      readonly status: "created";
      /** When a start failed: why, and the code it counts as. */
      readonly exitCode?: number;
      readonly error?: string;
    }
  | RunningState
  | {
      readonly status: "exited";
      readonly exitCode: number;
      readonly startedAt?: number;
      readonly finishedAt: number;
      /** Why it could not start again, or why the exit code is not known. */
      readonly error?: string;
    }
  | { readonly status: "removing"; readonly exitCode: number; readonly finishedAt: number };

export interface RunningState {
  readonly status: "running";
  readonly pid: number;
  readonly processStart?: number;
  readonly bootId: string;
  readonly startedAt: number;
}

export type ContainerStatus = ContainerState["status"];

export interface StartedFacts {
  readonly pid: number;
  readonly processStart?: number;
  readonly bootId: string;
  readonly at: number;
}

/** created or exited -> running. Errors: CONTAINER_STATE. */
export function started(state: ContainerState, facts: StartedFacts): ContainerState {
  if (state.status !== "created" && state.status !== "exited") throw wrongState(state, "started");
  return {
    status: "running",
    pid: facts.pid,
    ...(facts.processStart === undefined ? {} : { processStart: facts.processStart }),
    bootId: facts.bootId,
    startedAt: facts.at,
  };
}

/** running -> exited; a container that is already over stays as it is, so that two observers agree. */
export function exited(
  state: ContainerState,
  end: { readonly exitCode: number; readonly at: number; readonly error?: string },
): ContainerState {
  if (state.status !== "running") return state;
  return {
    status: "exited",
    exitCode: end.exitCode,
    startedAt: state.startedAt,
    finishedAt: end.at,
    ...(end.error ? { error: end.error } : {}),
  };
}

/** What Docker shows of a start that failed where no better code is known. */
const failedStart = 128;

/**
 * A container that could not be started stays what it was, with the reason, as with Docker: one that never ran is still `created`. 126 and 127
 * say what is wrong with the command; any other failure leaves the exit code of an earlier run.
 */
export function failedToStart(
  state: ContainerState,
  failure: { readonly exitCode: number; readonly message: string },
): ContainerState {
  if (state.status !== "created" && state.status !== "exited") return state;
  const isCommand = failure.exitCode === 126 || failure.exitCode === 127;
  return {
    ...state,
    exitCode: isCommand ? failure.exitCode : state.exitCode || failedStart,
    error: failure.message,
  };
}

/** Anything but running -> removing, from where only removal leads on. Errors: CONTAINER_STATE. */
export function removing(state: ContainerState, at: number): ContainerState {
  if (state.status === "running") throw wrongState(state, "removed");
  if (state.status === "removing") return state;
  return { status: "removing", exitCode: state.exitCode ?? 0, finishedAt: at };
}

export function wrongState(state: ContainerState, wanted: string, name?: string): StrakeError {
  const which = name === undefined ? "the container" : `the container ${name}`;
  return new StrakeError("CONTAINER_STATE", `${which} is ${state.status}; it cannot be ${wanted}`, {
    hint: hintFor(state, wanted, name ?? "NAME"),
  });
}

function hintFor({ status }: ContainerState, wanted: string, name: string): string | undefined {
  if (wanted === "removed")
    return `Stop it first (\`strake stop ${name}\`), or force it (\`strake rm -f ${name}\`).`;
  if (status === "created" || status === "exited") return `Start it first: \`strake start ${name}\`.`;
  return undefined;
}

/** `Up 2 minutes`, `Exited (1) 3 hours ago`, `Created`. */
export function describeState(state: ContainerState, now: number): string {
  if (state.status === "created") return "Created";
  if (state.status === "running") return `Up ${duration(now - state.startedAt)}`;
  if (state.status === "removing") return "Removal In Progress";
  return `Exited (${state.exitCode}) ${duration(now - state.finishedAt)} ago`;
}

/** A length of time as Docker's tables word it. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(minutes / 60 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}
