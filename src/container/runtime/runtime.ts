import { accessSync, constants, existsSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { run } from "./command.ts";
import { removeControlGroups } from "./control-group.ts";

/** Where programs of the system live, also for users whose PATH has no sbin. */
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Absolute path of a program, or undefined. */
export function findProgram(
  name: string,
  path = `${process.env.PATH ?? ""}:${systemPath}`,
): string | undefined {
  for (const folder of path.split(":")) {
    if (!folder.startsWith("/")) continue;
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return `${folder}/${name}`;
    } catch {}
  }
  return undefined;
}

/** In the order in which they are taken. */
const names = ["crun", "runc"] as const;

export interface RuntimeOptions {
  /** $STRAKE_RUNROOT. The runtime's own state is kept below it, so that no other engine's containers are seen. */
  readonly runRoot: string;
  /** Forces one; by default crun (9 ms for a container) and then runc (20 ms). STRAKE_RUNTIME says the same. */
  readonly prefer?: "crun" | "runc";
}

/** An OCI runtime: the program that makes a container from a bundle. */
export class Runtime {
  readonly name: "crun" | "runc";
  readonly path: string;
  readonly stateRoot: string;

  readonly #runRoot: string;

  private constructor(name: "crun" | "runc", path: string, runRoot: string) {
    this.name = name;
    this.path = path;
    this.#runRoot = runRoot;
    this.stateRoot = `${runRoot}/runtime/${name}`;
  }

  /** Errors: CONTAINER_TOOL_MISSING when neither is installed or the asked one is not, RUNTIME_UNKNOWN. */
  static find(options: RuntimeOptions): Runtime {
    const wanted = options.prefer ?? (process.env.STRAKE_RUNTIME || undefined);
    const allowed = wanted === undefined ? names : names.filter((name) => name === wanted);
    if (allowed.length === 0)
      throw new StrakeError("RUNTIME_UNKNOWN", `there is no runtime "${wanted}"`, {
        hint: "STRAKE_RUNTIME takes crun or runc",
        exitCode: 125,
      });
    for (const name of allowed) {
      const path = findProgram(name);
      if (path !== undefined) return new Runtime(name, path, options.runRoot);
    }
    throw new StrakeError(
      "CONTAINER_TOOL_MISSING",
      `no container runtime: ${allowed.join(" or ")} is not installed`,
      {
        hint: `apt-get install ${allowed[0]}`,
        exitCode: 125,
      },
    );
  }

  /** Arguments that come before every subcommand. */
  get globalArgs(): string[] {
    return ["--root", this.stateRoot];
  }

  command(...args: readonly string[]): string[] {
    return [this.path, ...this.globalArgs, ...args];
  }

  /** Runs a subcommand to its end; gives what it printed. Never throws for a status other than 0. */
  call(...args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    return run(this.command(...args));
  }

  /**
   * The runtime that made a container that is there, which is another than this one when STRAKE_RUNTIME has changed since: each knows
   * its own only. This one for a container that neither knows. Errors: CONTAINER_TOOL_MISSING.
   */
  makerOf(id: string): Runtime {
    const name = names.find((candidate) => existsSync(`${this.#runRoot}/runtime/${candidate}/${id}`));
    if (name === undefined || name === this.name) return this;
    return Runtime.find({ runRoot: this.#runRoot, prefer: name });
  }

  /**
   * Kills what is left of a container, whichever runtime made it, and forgets it: its control groups too, which a runtime leaves that fails
   * halfway. A container no runtime knows is fine.
   */
  async delete(id: string): Promise<void> {
    for (const name of names) {
      const stateRoot = `${this.#runRoot}/runtime/${name}`;
      if (!existsSync(`${stateRoot}/${id}`)) continue;
      const path = name === this.name ? this.path : findProgram(name);
      if (path) await run([path, "--root", stateRoot, "delete", "--force", id]);
    }
    await removeControlGroups(id);
  }
}
