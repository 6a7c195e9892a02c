import { program } from "./strake.ts";

export interface ServedRegistry {
  /** `http://127.0.0.1:5000/` */
  readonly url: string;
  readonly host: string;
  readonly pid: number;
  kill(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
}

/** `strake registry serve` as a process, of the program under test if not of another one; resolves when it serves. */
export async function serveRegistry(
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
  command: readonly string[] = program,
): Promise<ServedRegistry> {
  const child = Bun.spawn([...command, "registry", "serve", "--quiet", ...flags], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  let said = "";
  const reader = child.stderr.getReader();
  let url: string | undefined;
  while (url === undefined) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the registry did not start: ${said}`);
    said += Buffer.from(value).toString();
    url = /^serving (\S+)$/m.exec(said)?.[1];
  }
  // A full pipe would stop it.
  void (async () => {
    while (!(await reader.read()).done);
  })();
  return {
    url,
    host: new URL(url).host,
    pid: child.pid,
    async kill(signal = "SIGKILL") {
      child.kill(signal);
      await child.exited;
    },
  };
}
