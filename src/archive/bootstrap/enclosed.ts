/** Where a command finds a temporary folder that is `scratch`, when it is run in the namespaces of `encloseCommand`. */
const ownTmp = "/tmp";

export interface Enclosed {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * A command so that nothing of it outlives us, however we end: in a pid namespace whose first process the kernel kills when its
 * parent dies, which takes all others of the namespace along, and in a mount namespace, so that no mount of it is seen outside or left behind. Its
 * temporary files are in `scratch`, which goes with the store's scratch, bound to a path that unprivileged helpers (apt's `_apt`) can reach.
 * `make` is told by what path the command sees `scratch`. Where the machine does not allow namespaces, the command as it is, but for
 * the death signal.
 */
export function encloseCommand(make: (folder: string) => readonly string[], scratch: string): Enclosed {
  const setpriv = Bun.which("setpriv");
  if (setpriv === null) return { command: make(scratch), environment: {} };
  const namespaces = ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"];
  const allowed =
    Bun.spawnSync([...namespaces, "mount", "--bind", scratch, ownTmp], { stderr: "ignore" }).exitCode === 0;
  if (!allowed) return { command: [setpriv, "--pdeathsig", "TERM", ...make(scratch)], environment: {} };
  return {
    command: [
      ...[setpriv, "--pdeathsig", "KILL", ...namespaces],
      ...["sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', scratch, ownTmp, ...make(ownTmp)],
    ],
    environment: { TMPDIR: ownTmp },
  };
}
