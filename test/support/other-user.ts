import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Outcome, outcomeOf, type Strake } from "./strake.ts";

const setpriv = Bun.which("setpriv");

const wordsOf = (uid: number) => [setpriv!, "--reuid", `${uid}`, "--regid", `${uid}`, "--clear-groups"];

/** Why strake cannot be started as another user here; undefined when it can. */
export function otherUserObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return "not root, so no other user can be tried";
  if (setpriv === null) return "setpriv is not installed";
  const program = process.env.STRAKE_BIN;
  if (program === undefined) return "STRAKE_BIN is not set: other users may not read the source";
  const { exitCode } = Bun.spawnSync([...wordsOf(65534), program, "version"]);
  return exitCode === 0 ? undefined : `other users cannot execute ${program}`;
}

export interface OtherUser {
  /** A folder of his. */
  readonly folder: string;
  /** Runs strake as him, in his folder, with these variables, PATH and a run root there alone. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>, stdin?: string): Promise<Outcome>;
}

/** The user of this id, with a folder in strake's. */
export function otherUser(strake: Strake, uid: number): OtherUser {
  chmodSync(strake.home, 0o755);
  const folder = join(strake.home, `user-${uid}`);
  mkdirSync(folder);
  chownSync(folder, uid, uid);
  return {
    folder,
    run: (args, env = {}, stdin = "") =>
      outcomeOf(
        Bun.spawn([...wordsOf(uid), ...strake.program, ...args], {
          cwd: folder,
          env: { PATH: process.env.PATH, STRAKE_RUNROOT: join(folder, "run"), ...env },
          stdin: Buffer.from(stdin),
          stdout: "pipe",
          stderr: "pipe",
        }),
      ),
  };
}
