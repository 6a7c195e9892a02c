import { login as logIn, logout as logOut } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";
import type { Handler } from "../command.ts";
import type { loginFlags } from "../spec/remote.ts";
import { askSecret } from "./ask-secret.ts";
import { remoteOptions } from "./remote-options.ts";

const defaultRegistry = "docker.io";

export const login: Handler<typeof loginFlags> = async (cli, { args, flags }) => {
  const host = hostOf(args[0]);
  const fromStdin = flags["password-stdin"];
  if (fromStdin && flags.password !== undefined)
    throw new StrakeError("USAGE", "--password and --password-stdin exclude each other");
  const username = flags.username ?? (fromStdin ? undefined : ask(cli, "Username: "));
  if (username === undefined || username === "") throw new StrakeError("USAGE", "a login needs a --username");
  const password =
    flags.password ??
    (fromStdin
      ? (await Bun.stdin.text()).replace(/\r?\n$/, "")
      : await askSecret(cli, "give --username and --password-stdin"));
  if (password === "") throw new StrakeError("USAGE", "the password is empty");
  const stored = await logIn(host, { username, password }, remoteOptions(cli, flags));
  if (stored.isPlainText)
    cli.note(`warning: the password is kept in ${stored.place}, readable to you alone but not encrypted\n`);
  cli.print("Login Succeeded\n");
  return 0;
};

export const logout: Handler<Record<never, never>> = async (cli, { args }) => {
  const host = hostOf(args[0]);
  const found = await logOut(host, { env: cli.env });
  cli.print(found ? `Removed the login for ${host}\n` : `There is no login for ${host}\n`);
  return 0;
};

function hostOf(name: string | undefined): string {
  const host = (name ?? defaultRegistry).replace(/^https?:\/\//, "").replace(/\/+$/, "");
  return host === "index.docker.io/v1" || host === "index.docker.io" ? defaultRegistry : host;
}

function ask(cli: Cli, question: string): string {
  if (!cli.terminal.stdin)
    throw new StrakeError("USAGE", "nobody can be asked for the name and password", {
      hint: "give --username and --password-stdin",
    });
  return prompt(question.trimEnd()) ?? "";
}
