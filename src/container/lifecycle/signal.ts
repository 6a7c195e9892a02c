import { StrakeError } from "../../errors/index.ts";
import { signals } from "../../sys/index.ts";

/** The number of `SIGTERM`, `term`, `15`, `RTMIN+3`. Errors: CONTAINER_OPTIONS_INVALID. */
export function parseSignal(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, "");
  const number = /^\d+$/.test(name)
    ? Number(name)
    : (signals[name as keyof typeof signals] ?? realTime(name));
  if (number !== undefined && number >= 1 && number <= 64) return number;
  throw new StrakeError("CONTAINER_OPTIONS_INVALID", `"${text}" is not a signal`, {
    hint: "Use a name such as SIGTERM or TERM, or a number from 1 to 64.",
  });
}

/** glibc keeps the first two real-time signals for itself: RTMIN is 34. */
function realTime(name: string): number | undefined {
  const match = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (!match) return undefined;
  const offset = Number(match[3] ?? 0) * (match[2] === "-" ? -1 : 1);
  const number = (match[1] === "MIN" ? 34 : 64) + offset;
  return number >= 34 && number <= 64 ? number : undefined;
}
