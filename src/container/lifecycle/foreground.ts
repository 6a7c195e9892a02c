import { windowSize } from "../../sys/index.ts";
import { attach } from "../monitor/attach.ts";
import { interact, writeToOwnOutput } from "../monitor/interact.ts";
import { containerPaths } from "../monitor/paths.ts";
import { enterRawMode } from "../monitor/raw-terminal.ts";
import { proxySignals } from "../monitor/signal-proxy.ts";
import { cleanupContainer } from "./finish.ts";
import { refresh } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";
import { parseSignal } from "./signal.ts";
import { startContainer } from "./start.ts";
import { wrongState } from "./state.ts";
import { signalProcess, waitContainer, waitRunning } from "./stop.ts";

export interface ForegroundOptions {
  readonly detachKeys?: string;
  /** False leaves signals to their usual effect on us. */
  readonly signalProxy?: boolean;
}

export interface ForegroundResult {
  /** The user left with the detach keys; the container runs on. */
  readonly detached: boolean;
  readonly exitCode: number;
}

/**
 * Starts a container with the stdin, stdout and stderr of this process as its own and stays until it is over, which is then cleaned up (and removed, if it
 * was made so). When we are killed it goes on, and its monitor cleans up.
 */
export async function startInForeground(
  services: ContainerServices,
  id: string,
  options: ForegroundOptions = {},
): Promise<ForegroundResult> {
  const size = windowSize(0);
  const wanted = services.records.get(id);
  const isTerminal = wanted?.terminal === true && size !== undefined;
  const signals = options.signalProxy === false || isTerminal ? undefined : proxySignals();
  // Before the start: a Ctrl-C right after the first output is the container's already.
  const restore = isTerminal && wanted?.openStdin ? enterRawMode() : undefined;
  try {
    const { record, attachment } = await startContainer(services, id, {
      attended: true,
      attach: { onOutput: writeToOwnOutput },
      ...(size ? { consoleSize: { height: size.rows, width: size.columns } } : {}),
    });
    const { state } = record;
    const paths = containerPaths(services.root, services.runRoot, id);
    if (state.status === "running")
      signals?.deliverTo((name) => void signalProcess(state, parseSignal(name)));
    const detached = await interact({
      attachment: attachment!,
      openStdin: record.openStdin,
      terminal: record.terminal,
      winsizePath: paths.winsize,
      detachKeys: options.detachKeys,
    });
    if (detached) return { detached: true, exitCode: 0 };
    const exitCode = await (state.status === "running"
      ? waitRunning(services, id, { state })
      : waitContainer(services, id));
    await cleanupContainer(services, id, { attended: true });
    return { detached: false, exitCode };
  } finally {
    restore?.();
    signals?.stop();
  }
}

/** `attach`: as the foreground of a container that already runs. */
export async function attachToContainer(
  services: ContainerServices,
  id: string,
  options: ForegroundOptions & { readonly noStdin?: boolean } = {},
): Promise<ForegroundResult> {
  const record = refresh(services, id);
  const { state } = record;
  if (state.status !== "running") throw wrongState(record.state, "attached to", record.name);
  const paths = containerPaths(services.root, services.runRoot, id);
  const attachment = await attach(paths.attach, { onOutput: writeToOwnOutput });
  const openStdin = record.openStdin && options.noStdin !== true;
  const restore = record.terminal && openStdin ? enterRawMode() : undefined;
  const signals = options.signalProxy === false || record.terminal ? undefined : proxySignals();
  signals?.deliverTo((name) => void signalProcess(state, parseSignal(name)));
  try {
    const detached = await interact({
      attachment,
      openStdin,
      terminal: record.terminal,
      winsizePath: paths.winsize,
      detachKeys: options.detachKeys,
    });
    return { detached, exitCode: detached ? 0 : await waitContainer(services, id) };
  } finally {
    restore?.();
    signals?.stop();
  }
}
