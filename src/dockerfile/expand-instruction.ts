import { StrakeError } from "../errors/index.ts";
import type { AddInstruction, CopyInstruction, Heredoc, Instruction, KeyValue } from "./ast.ts";
import { type ExpandOptions, type Expansion, expand, expandHeredoc, splitWords } from "./expand.ts";
import { heredocText } from "./heredoc.ts";
import { parseMount } from "./mount.ts";
import { parseSignal } from "./signal.ts";
import { toLookup, type Variables } from "./variables.ts";

export interface ExpandInstructionOptions extends ExpandOptions {
  /** Text of the Dockerfile, for the excerpt of errors. */
  readonly text?: string;
}

export interface ExpandedInstruction<T extends Instruction> {
  readonly instruction: T;
  /** Variables the instruction asked for that are set: what its cache key depends on. */
  readonly used: ReadonlySet<string>;
  /** Variables it asked for that are not set. */
  readonly unset: ReadonlySet<string>;
}

/**
 * The instruction with its variables replaced and its quotes removed, everything from the values that hold at its
 * start. What expands where (Dockerfile reference, "Environment replacement"):
 *
 * - FROM image and `--platform`; ARG names and defaults; ENV and LABEL keys and values
 * - COPY and ADD paths in both forms, `--chown`, `--chmod`, `--checksum`, and the bodies of unquoted heredocs
 * - WORKDIR, USER, STOPSIGNAL, VOLUME in both forms; EXPOSE, where one word may become several
 * - RUN `--mount` values except `from`
 *
 * RUN, CMD, ENTRYPOINT, HEALTHCHECK and SHELL words are left to the shell, ONBUILD to the child build.
 * Throws `DOCKERFILE_EXPANSION`, `DOCKERFILE_VARIABLE_REQUIRED`, `DOCKERFILE_LIMIT`, and what the check of an
 * expanded value throws.
 */
export function expandInstruction<T extends Instruction>(
  instruction: T,
  variables: Variables,
  options: ExpandInstructionOptions = {},
): ExpandedInstruction<T> {
  const expander = new Expander(variables, options);
  try {
    return {
      instruction: expandFields(instruction, expander) as T,
      used: expander.used,
      unset: expander.unset,
    };
  } catch (error) {
    if (!(error instanceof StrakeError)) throw error;
    const hint = /matching (double|single)-quote$/.test(error.message)
      ? quoteHint(instruction, options)
      : undefined;
    const place = error.sources.length === 0 && options.text !== undefined;
    throw error.with({
      ...(hint !== undefined && { hint }),
      ...(place && { sources: [{ ...instruction.range, text: options.text! }] }),
    });
  }
}

/** Words of COPY, ADD and VOLUME end at a blank, within quotes too. */
function quoteHint({ kind }: Instruction, options: ExpandInstructionOptions): string {
  if (kind === "volume") return 'names with blanks are written as JSON: VOLUME ["/my folder"]';
  if (kind === "copy" || kind === "add")
    return `names with blanks are written as JSON: ${kind.toUpperCase()} ["my file", "/to/"]`;
  return `every quote needs its partner; one that is part of the text has a ${options.escape ?? "\\"} before it`;
}

class Expander {
  readonly used = new Set<string>();
  readonly unset = new Set<string>();
  readonly #variables: Variables;
  readonly #options: ExpandOptions;

  constructor(variables: Variables, options: ExpandOptions) {
    this.#variables = toLookup(variables, options.windows);
    this.#options = options;
  }

  word = (word: string): string => this.#note(expand(word, this.#variables, this.#options)).value;

  words = (word: string): readonly string[] =>
    this.#note(splitWords(word, this.#variables, this.#options)).words;

  heredoc = (heredoc: Heredoc): Heredoc => {
    if (!heredoc.expand) return heredoc;
    // Tabs go first, as they do in a shell: those that come out of variables stay.
    const { value } = this.#note(expandHeredoc(heredocText(heredoc), this.#variables, this.#options.windows));
    return { ...heredoc, content: value, stripTabs: false };
  };

  #note<E extends Pick<Expansion, "used" | "unset">>(expansion: E): E {
    for (const name of expansion.used) this.used.add(name);
    for (const name of expansion.unset) this.unset.add(name);
    return expansion;
  }
}

function expandFields(instruction: Instruction, expander: Expander): Instruction {
  const { word } = expander;
  switch (instruction.kind) {
    case "from": {
      const { platform } = instruction;
      return {
        ...instruction,
        image: word(instruction.image),
        ...(platform !== undefined && { platform: word(platform) }),
      };
    }
    case "arg":
      return {
        ...instruction,
        args: instruction.args.map((arg) => ({
          ...arg,
          name: word(arg.name),
          ...(arg.value !== undefined && { value: word(arg.value) }),
        })),
      };
    case "env":
      return { ...instruction, variables: expandPairs(instruction.variables, expander) };
    case "label":
      return { ...instruction, labels: expandPairs(instruction.labels, expander) };
    case "copy":
      return expandCopy(instruction, expander);
    case "add": {
      const { checksum } = instruction;
      return {
        ...expandCopy(instruction, expander),
        ...(checksum !== undefined && { checksum: word(checksum) }),
      };
    }
    case "run":
      return {
        ...instruction,
        mounts: instruction.flags
          .filter((flag) => flag.name === "mount")
          .map((flag) => parseMount(flag, word)),
      };
    case "workdir":
      return { ...instruction, path: word(instruction.path) };
    case "user":
      return { ...instruction, user: word(instruction.user) };
    case "volume":
      return { ...instruction, paths: instruction.paths.map(word) };
    case "expose":
      return { ...instruction, ports: instruction.ports.flatMap(expander.words) };
    case "stopsignal": {
      const signal = word(instruction.signal);
      parseSignal(signal);
      return { ...instruction, signal };
    }
    default:
      return instruction;
  }
}

function expandCopy<T extends CopyInstruction | AddInstruction>(instruction: T, expander: Expander): T {
  const { word } = expander;
  const { chown, chmod } = instruction;
  return {
    ...instruction,
    sources: instruction.sources.map(word),
    destination: word(instruction.destination),
    heredocs: instruction.heredocs.map(expander.heredoc),
    ...(chown !== undefined && { chown: word(chown) }),
    ...(chmod !== undefined && { chmod: word(chmod) }),
  };
}

function expandPairs(pairs: readonly KeyValue[], { word }: Expander): KeyValue[] {
  return pairs.map((pair) => ({ ...pair, key: word(pair.key), value: word(pair.value) }));
}
