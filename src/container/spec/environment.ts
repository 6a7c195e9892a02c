import { StrakeError } from "../../errors/index.ts";

/** Where programs are looked for when the image does not say. */
export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface EnvironmentOptions {
  readonly hostname?: string;
  readonly terminal?: boolean;
  /** The image's, `NAME=value`. */
  readonly image?: readonly string[];
  /** The user's, over the image's. `NAME` alone takes the value from `inherit`, or removes it when there is none. */
  readonly user?: readonly string[];
  readonly inherit?: Readonly<Record<string, string | undefined>>;
}

/**
 * The environment of a container's first process, in the order Docker gives it: PATH, HOSTNAME, TERM, then the
 * image's, then the user's; a later value of a name replaces the earlier one in its place. HOME is not
 * among them: it depends on the user (`withHome`).
 */
export function containerEnvironment(options: EnvironmentOptions): string[] {
  const values = new Map<string, string>();
  values.set("PATH", defaultPath);
  if (options.hostname !== undefined) values.set("HOSTNAME", options.hostname);
  if (options.terminal) values.set("TERM", "xterm");
  for (const entry of options.image ?? []) {
    const at = entry.indexOf("=");
    if (at > 0) values.set(entry.slice(0, at), entry.slice(at + 1));
  }
  for (const entry of options.user ?? []) {
    const at = entry.indexOf("=");
    if (at > 0) values.set(entry.slice(0, at), entry.slice(at + 1));
    else if (at < 0) {
      const inherited = options.inherit?.[entry];
      if (inherited === undefined) values.delete(entry);
      else values.set(entry, inherited);
    }
  }
  return [...values].map(([name, value]) => `${name}=${value}`);
}

/** Errors: CONTAINER_OPTIONS_INVALID for a variable without a name. */
export function checkVariables(entries: readonly string[]): void {
  const nameless = entries.find((entry) => entry === "" || entry.startsWith("="));
  if (nameless !== undefined)
    throw new StrakeError(
      "CONTAINER_OPTIONS_INVALID",
      `${JSON.stringify(nameless)} is no environment variable: it has no name`,
      { hint: "write NAME=value, or NAME for the value it has here", exitCode: 125 },
    );
}

/**
 * HOME where nothing says otherwise: the home of the account, `/` for an id that has none. Left to the runtimes, runc does this
 * and crun leaves such an id without HOME.
 */
export function withHome(env: readonly string[], home: string): string[] {
  return env.some((entry) => entry.startsWith("HOME=")) ? [...env] : [...env, `HOME=${home}`];
}

/** Lines of an `--env-file`: `NAME=value` or `NAME`; blank lines and those that begin with `#` are skipped. */
export function parseEnvFile(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
