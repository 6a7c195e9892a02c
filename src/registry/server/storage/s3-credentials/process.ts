import type { S3Credentials } from "../s3-sign.ts";
import { decodeCredentials } from "./decode.ts";
import type { Environment } from "./source.ts";

const mostBytes = 256 << 10;

const quoted = /"([^"]*)"|'([^']*)'/g;

/**
 * The words of a command line: apart by spaces, where quotes do not hold them together. Throws where a quote has no end, and for what only a shell
 * would understand.
 */
export function splitCommand(command: string): string[] {
  const plain = command.replace(quoted, "");
  if (/["']/.test(plain)) throw new Error("credential_process has a quote without its end");
  const only = /[|;&<>$`]/.exec(plain)?.[0];
  if (only)
    throw new Error(`credential_process has a ${only}, but is run without a shell; sh -c '...' asks for one`);
  const words = command.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  return words.map((word) => word.replace(quoted, "$1$2"));
}

/**
 * What a program says that a profile names by `credential_process`. It is run without a shell, so that nothing in the file is more than words. What it
 * says is in no error: it may be a secret.
 */
export async function runProcess(
  command: string,
  { env, source, within = 60_000 }: { env: Environment; source: string; within?: number },
): Promise<S3Credentials> {
  const words = splitCommand(command);
  const program = words[0] ?? "";
  let child: Bun.Subprocess<"ignore", "pipe", "ignore">;
  try {
    child = Bun.spawn(words, { stdin: "ignore", stdout: "pipe", stderr: "ignore", env: { ...env } });
  } catch (cause) {
    throw new Error(`credential_process ${program} cannot be run: ${(cause as NodeJS.ErrnoException).code}`);
  }
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    late.reject(new Error(`credential_process ${program} did not end within ${within / 1000} seconds`));
  }, within);
  try {
    const text = await Promise.race([readAll(child.stdout), late.promise]);
    const code = await Promise.race([child.exited, late.promise]);
    if (code !== 0) throw new Error(`credential_process ${program} ended with ${code}`);
    if (!/"Version"\s*:\s*1\b/.test(text))
      throw new Error(`credential_process ${program} gave no "Version": 1`);
    return decodeCredentials(text, source);
  } finally {
    clearTimeout(timer);
    if (child.exitCode === null) child.kill("SIGKILL");
  }
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > mostBytes) throw new Error("credential_process says too much");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
