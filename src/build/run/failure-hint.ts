/** What a RUN that failed is known by. */
export interface FailedRun {
  readonly args: readonly string[];
  readonly status: number;
  /** The end of its output, as it came. */
  readonly output: string;
  readonly network?: "default" | "none" | "host";
}

/** A list in single quotes, which JSON does not have. */
const almostJson = /^\s*\[\s*'[^']*'(\s*,\s*'[^']*')*\s*\]\s*$/;

/** What to do about the mistakes that people make in RUN; undefined for all others. Pure. */
export function failureHint(run: FailedRun): string | undefined {
  const text = run.output;
  const command = run.args.at(-1) ?? "";
  if (run.args.length > 1 && almostJson.test(command)) return jsonHint(command);
  if (/\r['"]?: (command )?not found|\\r'?: (command )?not found|\^M: bad interpreter/.test(text))
    return "a carriage return ends the lines of the script (Windows): save it with LF, or RUN sed -i 's/\\r$//' FILE first";
  if (/(&&|\|\||\|)\s*$/.test(command))
    return "the command goes on in the next line: end this one with a backslash (\\)";
  if (/\bsudo: (command )?not found/.test(text))
    return "leave sudo out: RUN is root already, unless USER says otherwise";
  if (/Unable to locate package|has no installation candidate/.test(text))
    return /apt(-get)? update/.test(command)
      ? "see whether the name is right for this distribution: packages.debian.org"
      : "run apt-get update in the same RUN, before the installation";
  if (/\[Y\/n\]/.test(text) && /Abort/.test(text)) return "nobody can answer in a build: apt-get install -y";
  if (/\b(source|pushd|shopt|\[\[): (command )?not found/.test(text))
    return 'the shell is /bin/sh, not bash: SHELL ["/bin/bash", "-c"] before it, or `.` in place of `source`';
  if (run.status === 127 && /(^|\s)\.{0,2}\/[^\s:]+: not found/m.test(text))
    return "the file, or the interpreter that its first line names, is not there; lines that end as in Windows (CR LF) do that too";
  if (run.status === 126 && /[Pp]ermission denied/.test(text))
    return "the file must be executable: COPY --chmod=755, or RUN chmod +x before";
  if (
    /bad address|[Cc]ould not resolve|Temporary failure (in name resolution|resolving)|Name or service not known/.test(
      text,
    )
  )
    return run.network === "none"
      ? "this RUN has no network (--network none)"
      : "names are not resolved: see whether this machine resolves them, or build with --network host";
  if (run.status === 127) {
    const program = /(?:^|: )([\w.+-]+): (?:command )?not found\s*$/m.exec(text)?.[1];
    if (program !== undefined) return `${program} is not in the image: install it in an earlier RUN`;
  }
  if (run.status === 137) return "137 is SIGKILL: most often the machine ran out of memory";
  return undefined;
}

/** `['a', 'b']` is no JSON, and so a command for the shell: Docker takes it as such too. */
function jsonHint(command: string): string {
  const words = [...command.matchAll(/'([^']*)'/g)].map(([, word]) => word);
  return `the exec form is JSON, with double quotes: RUN [${words.map((word) => JSON.stringify(word)).join(", ")}]`;
}
