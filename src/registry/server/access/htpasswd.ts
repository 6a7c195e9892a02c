import { createHmac, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { StrakeError } from "../../../errors/index.ts";
import { userPattern } from "./decode-config.ts";

const bcryptPattern = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
const fileLimit = 16 << 20;

/** How long a password that was right is known to be right, milliseconds, and how many of them. */
const provenFor = 5 * 60_000;
const provenLimit = 10_000;

/** The users of a file of `name:bcrypt` lines, read again whenever the file changes. */
export class Htpasswd {
  readonly #path: string;
  #users: ReadonlyMap<string, string>;
  #version: string;
  /** Only a keyed hash of the password is kept, and the key only in this process. */
  readonly #proven = new Map<string, number>();
  readonly #key = randomBytes(32);

  /** Throws REGISTRY_SERVER_CONFIG for a file that cannot be read or has a line that no user could log in with. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#version = versionOf(path);
      this.#users = parse(readUsers(path), (line, problem) => {
        throw new StrakeError("REGISTRY_SERVER_CONFIG", `${path}:${line}: ${problem}`, {
          hint: "make the line with: strake registry htpasswd NAME",
        });
      });
    } catch (cause) {
      if (cause instanceof StrakeError) throw cause;
      throw new StrakeError("REGISTRY_SERVER_CONFIG", `the password file ${path} cannot be read`, { cause });
    }
  }

  /** The stored hash of a user. */
  hash(name: string): string | undefined {
    this.#refresh();
    return this.#users.get(name);
  }

  /** Whether the password was found right lately, which costs nothing to know. */
  isProven(name: string, password: string): boolean {
    const until = this.#proven.get(this.#proof(name, password));
    const left = (until ?? 0) - Date.now();
    return left > 0 && left <= provenFor;
  }

  async verify(name: string, password: string): Promise<boolean> {
    const hash = this.hash(name);
    // A user that does not exist costs the same work as one that does: the time says nothing about who is here.
    const checked = hash ?? this.#users.values().next().value;
    if (checked === undefined) return false;
    const right = await Bun.password.verify(password, checked).catch(() => false);
    if (!right || hash === undefined) return false;
    if (this.#proven.size >= provenLimit) this.#proven.clear();
    this.#proven.set(this.#proof(name, password, hash), Date.now() + provenFor);
    return true;
  }

  /** The stored hash is part of it: a changed password is not the proven one any more. */
  #proof(name: string, password: string, hash = this.hash(name)): string {
    return createHmac("sha256", this.#key)
      .update(`${name}\0${hash ?? ""}\0${password}`)
      .digest("base64");
  }

  #refresh(): void {
    let version: string;
    try {
      version = versionOf(this.#path);
    } catch {
      // Without its file nobody is a user.
      this.#users = new Map();
      this.#version = "";
      return;
    }
    if (version === this.#version) return;
    try {
      // A line that is being written may be half: that user has to wait, the others need not.
      this.#users = parse(readUsers(this.#path), () => {});
      this.#version = version;
    } catch {
      this.#users = new Map();
    }
  }
}

/**
 * A user's line for the password file, with bcrypt of the given cost (10 when absent). Throws USAGE for a name or password
 * that could not log in: bcrypt reads 72 bytes, and a longer password would be as good as its beginning.
 */
export async function htpasswdLine(
  { name, password }: { name: string; password: string },
  cost = 10,
): Promise<string> {
  if (!userPattern.test(name))
    throw new StrakeError("USAGE", `${JSON.stringify(name.slice(0, 80))} is not the name of a user`, {
      hint: "letters, digits, dots, dashes, underscores and @, at most 128",
    });
  if (Buffer.byteLength(password) > 72 || password.includes("\0"))
    throw new StrakeError("USAGE", "the password is longer than the 72 bytes that bcrypt reads");
  if (!Number.isInteger(cost) || cost < 4 || cost > 17)
    throw new StrakeError("USAGE", "bcrypt's cost is a whole number from 4 to 17");
  return `${name}:${await Bun.password.hash(password, { algorithm: "bcrypt", cost })}`;
}

function versionOf(path: string): string {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return `${ino}/${size}/${mtimeNs}/${ctimeNs}`;
}

function readUsers(path: string): string {
  if (statSync(path).size > fileLimit)
    throw new StrakeError("REGISTRY_SERVER_CONFIG", `the password file ${path} is larger than 16 MiB`);
  return readFileSync(path, "utf8");
}

function parse(content: string, onProblem: (line: number, problem: string) => void): Map<string, string> {
  const users = new Map<string, string>();
  content.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    const hash = line.slice(colon + 1);
    if (!userPattern.test(name)) onProblem(index + 1, "the name of the user is missing or malformed");
    else if (!bcryptPattern.test(hash))
      onProblem(index + 1, `the password of ${name} is not stored as bcrypt`);
    else if (users.has(name)) onProblem(index + 1, `${name} is there twice`);
    else users.set(name, hash);
  });
  return users;
}
