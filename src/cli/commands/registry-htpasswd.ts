import { StrakeError } from "../../errors/index.ts";
import { htpasswdLine } from "../../registry/server/index.ts";
import type { Handler } from "../command.ts";
import type { registryHtpasswdFlags } from "../spec/registry.ts";
import { askSecret } from "./ask-secret.ts";

export const registryHtpasswd: Handler<typeof registryHtpasswdFlags> = async (cli, { args, flags }) => {
  const password = flags["password-stdin"]
    ? (await Bun.stdin.text()).replace(/\r?\n$/, "")
    : await askSecret(cli, "give --password-stdin");
  if (password === "") throw new StrakeError("USAGE", "the password is empty");
  cli.print(`${await htpasswdLine({ name: args[0]!, password }, flags.cost)}\n`);
  return 0;
};
