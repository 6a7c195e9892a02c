import type { CommandSpec, Completes } from "../command.ts";
import {
  argumentKind,
  completionEntries,
  firstWords,
  isListed,
  listers,
  secondWords,
  visibleFlags,
} from "./words.ts";

/** A completion script for bash: `source <(strake completion bash)`. */
export function bashCompletion(specs: readonly CommandSpec[]): string {
  const entries = completionEntries(specs);
  const first = [...firstWords(entries).keys()];
  const groups = first.filter((word) => secondWords(entries, word).length > 0);
  const cases = entries.map(({ name, spec }) => {
    const flags = [...visibleFlags(spec).map(([flag]) => `--${flag}`), "--help"].join(" ");
    const values = visibleFlags(spec)
      .filter(([, flag]) => flag.type !== "boolean")
      .map(([flag, value]) => {
        const names = value.short ? `--${flag}|-${value.short}` : `--${flag}`;
        const choices = value.type !== "boolean" ? value.choices : undefined;
        const kind = value.type !== "boolean" ? value.completes : undefined;
        const action = choices
          ? `COMPREPLY=($(compgen -W '${choices.join(" ")}' -- "$cur"))`
          : offer(kind ?? "file");
        return `        ${names}) ${action}; return ;;`;
      });
    return `    '${name}')
      case "$prev" in
${values.length > 0 ? `${values.join("\n")}\n` : ""}        *) ;;
      esac
      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W '${flags}' -- "$cur")); else ${offer(argumentKind(spec))}; fi ;;`;
  });
  const groupCases = groups.map((group) => {
    const words = secondWords(entries, group).map(({ name }) => name.split(" ")[1]!);
    return `    ${group}) if ((COMP_CWORD == 2)); then COMPREPLY=($(compgen -W '${words.join(" ")}' -- "$cur")); return; fi; name="$name \${COMP_WORDS[2]}" ;;`;
  });
  return `# bash completion for strake: source <(strake completion bash)
_strake() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} name=\${COMP_WORDS[1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W '${first.join(" ")}' -- "$cur")); return; fi
  case "$name" in
${groupCases.join("\n")}
  esac
  case "$name" in
${cases.join("\n")}
  esac
}
complete -o default -F _strake strake
`;
}

function offer(kind: Completes): string {
  if (isListed(kind)) {
    // Whoever copies goes on to type a path, or means one of this machine.
    const paths =
      kind === "container path" ? ' $(compgen -f -- "$cur")); compopt -o nospace 2>/dev/null' : ")";
    // Names hold colons, which bash takes for word breaks unless it is told.
    return `COMPREPLY=($(compgen -W "$(${listers[kind]})" -- "$cur")${paths}; type __ltrim_colon_completions >/dev/null 2>&1 && __ltrim_colon_completions "$cur"`;
  }
  if (kind === "folder") return 'COMPREPLY=($(compgen -d -- "$cur"))';
  if (kind === "file") return 'COMPREPLY=($(compgen -f -- "$cur"))';
  return "COMPREPLY=()";
}
