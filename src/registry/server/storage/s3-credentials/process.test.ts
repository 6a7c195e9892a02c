import { afterAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProcess, splitCommand } from "./process.ts";

const folder = mkdtempSync(join(tmpdir(), "strake process "));
afterAll(() => rmSync(folder, { recursive: true }));

function script(name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}
const env = { PATH: process.env.PATH, FROM_ENV: "from-env" };
const run = (command: string, within?: number) => runProcess(command, { env, source: "profile x", within });

test("words of a command, with quotes", () => {
  expect(splitCommand(`  "/opt/my tools/keys"  --user "ann b"\t--x="a b"c 'd "$HOME"; e' "it's" `)).toEqual([
    ...["/opt/my tools/keys", "--user", "ann b", "--x=a bc", 'd "$HOME"; e', "it's"],
  ]);
  for (const open of ['a "b c', "a 'b", "it's"])
    expect(() => splitCommand(open)).toThrow("a quote without its end");
  for (const shell of ["a; b", "a|b", "a $HOME", "a `b`", "a > b", "a && b"])
    expect(() => splitCommand(shell)).toThrow("is run without a shell");
});

test("what a program says, without a shell", async () => {
  const path = script(
    "keys",
    `printf '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s", "SessionToken": "t", "Expiration": "2030-01-02T03:04:05Z"}' "$1" "$FROM_ENV"`,
  );
  const marker = join(folder, "touched");
  expect(await run(`"${path}" "a;touch ${marker}" '$(touch ${marker})'`)).toEqual({
    ...{
      accessKeyId: `a;touch ${marker}`,
      secretAccessKey: "from-env",
      sessionToken: "t",
      source: "profile x",
    },
    expiration: Date.parse("2030-01-02T03:04:05Z"),
  });
  expect(existsSync(marker)).toBe(false);
  const asked = `sh -c '"${path}" "$FROM_ENV" | cat'`;
  expect(await run(asked)).toMatchObject({ accessKeyId: "from-env" });
});

test("a program that fails: which one, and nothing of what it says", async () => {
  const secret = "very-secret";
  for (const [body, message] of [
    [`echo ${secret}; echo ${secret} >&2; exit 3`, "ended with 3"],
    [`echo ${secret}`, 'gave no "Version": 1'],
    [`echo '{"Version": 1, "SecretAccessKey": "${secret}"}'`, "no AccessKeyId and SecretAccessKey"],
    [`echo '{"Version": 1, ${secret}'`, "no JSON"],
    [`yes ${secret}`, "says too much"],
  ] as const) {
    const error = await run(`"${script("bad", body)}"`).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toContain(message);
    expect(String(error)).not.toContain(secret);
  }
  await expect(run("/nowhere/keys")).rejects.toThrow(
    "credential_process /nowhere/keys cannot be run: ENOENT",
  );
});

test("a program that does not end is ended", async () => {
  const pid = join(folder, "pid");
  const slow = script("slow", `echo $$ >'${pid}'; exec sleep 1000`);
  await expect(run(`"${slow}"`, 200)).rejects.toThrow("did not end within 0.2 seconds");
  // A busy machine may not have come as far as to write it.
  const id = existsSync(pid) ? readFileSync(pid, "utf8").trim() : "";
  while (id !== "" && existsSync(`/proc/${id}`)) await Bun.sleep(5);
  // One whose child keeps the pipe open.
  await expect(run(`"${script("heir", "sleep 3 & exit 0")}"`, 200)).rejects.toThrow("did not end");
});
