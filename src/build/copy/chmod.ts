import { StrakeError } from "../../errors/index.ts";

/** The mode a file gets, from the mode it had; `isDirectory` matters to `X`. */
export interface ModeChange {
  apply(mode: number, isDirectory: boolean): number;
  /** False when the result does not depend on the source's mode, so the source's mode is not part of a cache key. */
  readonly readsSource: boolean;
}

/**
 * The value of `--chmod`: octal up to 07777, or symbolic as chmod(1) has it (`u+x,go=rX`). Throws BUILD_COPY_MODE.
 * No umask is applied where no class is named: `+x` is `a+x`.
 */
export function parseChmod(text: string): ModeChange {
  if (/^[0-9]+$/.test(text)) {
    const mode = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
    if (!(mode <= 0o7777)) throw badMode(text, "an octal mode lies between 0 and 07777");
    return { apply: () => mode, readsSource: false };
  }
  const clauses = text.split(",").map((clause) => parseClause(clause, text));
  return {
    apply: (mode, isDirectory) => clauses.reduce((value, clause) => clause(value, isDirectory), mode),
    readsSource: true,
  };
}

type Clause = (mode: number, isDirectory: boolean) => number;

const classes: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };

function parseClause(clause: string, whole: string): Clause {
  const match = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause);
  if (!match) throw badMode(whole, "a symbolic mode looks like `u=rwX,go=rX` or `+x`");
  const who = match[1] === "" ? "a" : match[1]!;
  const mask = [...who].reduce((bits, letter) => bits | classes[letter]!, 0);
  const actions = [...match[2]!.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)];
  return (start, isDirectory) => {
    let mode = start;
    for (const [, operator, permissions] of actions) {
      const bits = permissionBits(permissions!, mode, isDirectory) & mask;
      if (operator === "+") mode |= bits;
      else if (operator === "-") mode &= ~bits;
      else mode = (mode & ~mask) | bits;
    }
    return mode & 0o7777;
  };
}

/** The bits that the letters stand for in all three classes at once. */
function permissionBits(letters: string, mode: number, isDirectory: boolean): number {
  if (letters === "u" || letters === "g" || letters === "o") {
    const shift = letters === "u" ? 6 : letters === "g" ? 3 : 0;
    return ((mode >> shift) & 7) * 0o111;
  }
  let bits = 0;
  for (const letter of letters) {
    if (letter === "r") bits |= 0o444;
    else if (letter === "w") bits |= 0o222;
    else if (letter === "x") bits |= 0o111;
    else if (letter === "X") bits |= isDirectory || (mode & 0o111) !== 0 ? 0o111 : 0;
    else if (letter === "s") bits |= 0o6000;
    else if (letter === "t") bits |= 0o1000;
  }
  return bits;
}

function badMode(text: string, hint: string): StrakeError {
  return new StrakeError("BUILD_COPY_MODE", `--chmod=${text} is not a file mode`, { hint });
}
