import { makeRaw, setTerminalState, windowSize } from "../../sys/index.ts";

/** Puts the terminal back as it was. May be called again. */
export type RestoreTerminal = () => void;

/**
 * Makes the terminal on our stdin raw, so that every key goes to the container: Ctrl-C would otherwise end us. Does nothing when stdin is no
 * terminal. However the process ends, the terminal is as before.
 */
export function enterRawMode(): RestoreTerminal {
  const before = windowSize(0) === undefined ? undefined : makeRaw(0);
  if (!before) return () => {};
  const restore = () => {
    process.off("exit", restore);
    setTerminalState(0, before);
  };
  process.on("exit", restore);
  return restore;
}
