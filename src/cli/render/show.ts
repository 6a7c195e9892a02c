import type { Emit } from "../../events/index.ts";
import type { Cli } from "../cli.ts";
import { plainStart, renderPlain } from "./plain.ts";
import { advance, noProgress } from "./progress-state.ts";
import { renderRawJSON } from "./rawjson.ts";
import { renderFrame } from "./tty.ts";

/** Shows events as they come. `end` leaves the terminal in order; it is called on every way out, and does nothing the second time. */
export interface Display {
  readonly emit: Emit;
  end(): void;
}

/** The display that `--progress` names; `auto` is a live one on a terminal and plain lines elsewhere. */
export function openDisplay(cli: Cli, kind: string | undefined, quiet = false): Display {
  if (quiet || kind === "quiet") return { emit: () => {}, end: () => {} };
  if (kind === "rawjson") return { emit: (event) => cli.note(renderRawJSON(event)), end: () => {} };
  const live =
    kind === "tty" ||
    ((kind === undefined || kind === "auto") && cli.terminal.stderr && cli.env.TERM !== "dumb");
  return live ? liveDisplay(cli) : plainDisplay(cli);
}

function plainDisplay(cli: Cli): Display {
  let state = plainStart;
  return {
    emit(event) {
      const rendered = renderPlain(state, event);
      state = rendered.state;
      if (rendered.text !== "") cli.note(rendered.text);
    },
    end: () => {},
  };
}

const frameInterval = 100;

function liveDisplay(cli: Cli): Display {
  let state = noProgress;
  let height = 0;
  let drawnAt = 0;
  let isOver = false;
  const { columns, rows, color } = cli.terminal;
  const draw = () => {
    drawnAt = Date.now();
    if (state.steps.size === 0) return;
    const lines = renderFrame(state, { now: drawnAt, columns, rows, color });
    const up = height > 0 ? `\x1b[${height}A` : "";
    // Erase below first: a frame may be shorter than the last one.
    cli.note(`${up}\r\x1b[J${lines.join("\n")}\n`);
    height = lines.length;
  };
  const timer = setInterval(draw, frameInterval);
  timer.unref();
  return {
    emit(event) {
      state = advance(state, event);
      // A step that hogs the thread would starve the timer.
      if (Date.now() - drawnAt > 2 * frameInterval) draw();
    },
    end() {
      if (isOver) return;
      isOver = true;
      clearInterval(timer);
      draw();
      for (const step of state.steps.values())
        if (step.outcome === "failed" && step.lines.length > 0)
          cli.note(`--- ${step.name}\n${step.lines.slice(-40).join("\n")}\n---\n`);
      for (const warning of state.warnings) cli.note(`warning: ${warning}\n`);
    },
  };
}
