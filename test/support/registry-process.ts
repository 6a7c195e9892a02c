import { resolve } from "node:path";

/** The program under test: the built one, or the source. */
export const program: readonly string[] = process.env.STRAKE_BIN
  ? [process.env.STRAKE_BIN]
  : [process.execPath, resolve(import.meta.dir, "../../src/cli/main.ts")];

/** `strake registry serve` as a process of its own. */
export async function startServe(flags: readonly string[], cwd: string, env: Record<string, string> = {}) {
  const child = Bun.spawn([...program, "registry", "serve", ...flags], {
    ...{ stdout: "ignore", stderr: "pipe", cwd, env: { ...process.env, ...env } },
  });
  let said = "";
  const reading = (async () => {
    for await (const chunk of child.stderr) said += new TextDecoder().decode(chunk);
  })();
  /** Resolves when the process has said it so many times. */
  const says = async (text: string, times = 1) => {
    for (let i = 0; said.split(text).length <= times; i++) {
      if (i > 6000 || child.exitCode !== null) throw new Error(`${text} was not said in ${said}`);
      await Bun.sleep(10);
    }
  };
  await says("serving ");
  await says("\n");
  return { child, says, url: /serving (\S+)/.exec(said)![1]!, said: () => said, ended: reading };
}
