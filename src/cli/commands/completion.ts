import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { specs } from "../spec/all.ts";

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

export const completion: Handler<Record<never, never>> = async (cli, { args }) => {
  const shell = args[0]!;
  if (!Object.hasOwn(shells, shell))
    throw new StrakeError("USAGE", `there is no completion for ${JSON.stringify(shell)}`, {
      hint: "one of bash, zsh, fish",
    });
  cli.print(shells[shell as keyof typeof shells](specs));
  return 0;
};
