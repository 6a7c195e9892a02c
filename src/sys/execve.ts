import { encodePath } from "../tar/index.ts";
import { addressOf, check, libc } from "./libc.ts";

/**
 * execve(2): goes on as another program, which keeps the process id, the standard streams and what else is not closed on exec.
 * Returns only by throwing: SYS_* when the program cannot be started.
 */
export function execve(
  path: string,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): never {
  const variables = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  const strings = [...words, ...variables].map(terminated);
  const pointers = (list: readonly Uint8Array[]) =>
    new Uint8Array(BigUint64Array.from([...list.map((text) => BigInt(addressOf(text))), 0n]).buffer);
  const [argv, envp] = [pointers(strings.slice(0, words.length)), pointers(strings.slice(words.length))];
  check(libc().execve(terminated(path), argv, envp), "execve", path);
  throw new Error("execve came back");
}

function terminated(text: string): Uint8Array {
  return Buffer.concat([encodePath(text), Uint8Array.of(0)]);
}
