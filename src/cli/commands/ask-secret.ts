import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";

/** Reads a password without showing it; `otherwise` says how to give one where there is no terminal. Throws USAGE. */
export async function askSecret(cli: Cli, otherwise: string): Promise<string> {
  if (!cli.terminal.stdin)
    throw new StrakeError("USAGE", "nobody can be asked for the password", { hint: otherwise });
  cli.note("Password: ");
  process.stdin.setRawMode(true);
  let text = "";
  try {
    for await (const chunk of process.stdin)
      for (const char of String(chunk)) {
        if (char === "\u0003") throw new StrakeError("CANCELED", "interrupted");
        if (char === "\r" || char === "\n") return text;
        text = char === "\u007f" ? text.slice(0, -1) : text + char;
      }
    return text;
  } finally {
    process.stdin.setRawMode(false);
    process.stdin.pause();
    cli.note("\n");
  }
}
