import type { CommandSpec, Completes, FlagSpec } from "../command.ts";
import {
  argumentKind,
  completionEntries,
  firstWords,
  isListed,
  listers,
  secondWords,
  visibleFlags,
} from "./words.ts";

/** A completion script for zsh: `strake completion zsh > "${fpath[1]}/_strake"`. */
export function zshCompletion(specs: readonly CommandSpec[]): string {
  const entries = completionEntries(specs);
  const first = firstWords(entries);
  const groups = [...first.keys()].filter((word) => secondWords(entries, word).length > 0);
  const cases = entries.map(({ name, spec }) => {
    const flags = visibleFlags(spec).flatMap(([flag, value]) => flagSpecs(flag, value));
    // An action that only says something would keep zsh from inserting the one flag that fits.
    const words = action(argumentKind(spec));
    const lines = [...flags, ...(words === " " ? [] : [`'*:argument:${words}'`])].join(" \\\n        ");
    return `    '${name}')\n      _arguments -s \\\n        ${lines} ;;`;
  });
  const groupCases = groups.map((group) => {
    const words = secondWords(entries, group).map(({ name, spec }) =>
      described(name.split(" ")[1]!, spec.summary),
    );
    return `    ${group})
      if ((CURRENT == 3)); then
        local -a words_${group}=(${words.join(" ")})
        _describe command words_${group}
        return
      fi
      name="$name $words[3]"
      shift words; ((CURRENT--)) ;;`;
  });
  return `#compdef strake
# zsh completion for strake: strake completion zsh > "\${fpath[1]}/_strake"
_strake_images() { local -a names=(\${(f)"$(${listers.image})"}); compadd -a names }
_strake_containers() { local -a names=(\${(f)"$(${listers.container})"}); compadd -a names }
_strake_container_paths() { local -a names=(\${(f)"$(${listers["container path"]})"}); compadd -S '' -a names; _files }
_strake_volumes() { local -a names=(\${(f)"$(${listers.volume})"}); compadd -a names }
_strake() {
  local name=$words[2]
  if ((CURRENT == 2)); then
    local -a commands=(${[...first].map(([word, summary]) => described(word, summary)).join(" ")})
    _describe command commands
    return
  fi
  case "$name" in
${groupCases.join("\n")}
  esac
  shift words; ((CURRENT--))
  case "$name" in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = _strake ]; then _strake "$@"; else compdef _strake strake; fi
`;
}

function flagSpecs(name: string, flag: FlagSpec): string[] {
  const repeat = flag.type === "strings" ? "*" : "";
  const help = quote(flag.help);
  const value =
    flag.type === "boolean"
      ? ""
      : `:${quote(flag.value)}:${flag.choices ? `(${flag.choices.join(" ")})` : action(flag.completes ?? "file")}`;
  const equals = flag.type === "boolean" ? "" : "=";
  const long = `'${repeat}--${name}${equals}[${help}]${value}'`;
  return flag.short === undefined ? [long] : [long, `'${repeat}-${flag.short}[${help}]${value}'`];
}

function action(kind: Completes): string {
  if (isListed(kind)) return `_strake_${kind.replace(" ", "_")}s`;
  if (kind === "folder") return "_files -/";
  return kind === "file" ? "_files" : " ";
}

function described(word: string, summary: string): string {
  return `'${word}:${quote(summary)}'`;
}

/** Inside single quotes and brackets of _arguments. */
function quote(text: string): string {
  return text.replaceAll("'", "’").replaceAll("[", "(").replaceAll("]", ")").replaceAll(":", "\\:");
}
