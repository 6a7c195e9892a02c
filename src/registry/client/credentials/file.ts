import { randomBytes } from "node:crypto";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { StrakeError } from "../../../errors/index.ts";
import type { Credentials } from "../auth/credentials.ts";
import { userFolder } from "../user-folder.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** One entry of `auths`. */
interface AuthEntry {
  readonly auth?: unknown;
  readonly username?: unknown;
  readonly password?: unknown;
  readonly identitytoken?: unknown;
  readonly registrytoken?: unknown;
}

/** A config.json of Docker or auth.json of containers: one format. */
export interface AuthFile {
  readonly path: string;
  readonly auths: ReadonlyMap<string, AuthEntry>;
  readonly credsStore?: string;
  readonly credHelpers: ReadonlyMap<string, string>;
}

const sizeLimit = 16 << 20;

/** Files that may hold credentials, the first one that knows a registry wins (containers-auth.json(5), then Docker's). */
export function authFilePaths(env: Env): string[] {
  if (env.REGISTRY_AUTH_FILE) return [env.REGISTRY_AUTH_FILE];
  const home = userFolder(env);
  const runtime = env.XDG_RUNTIME_DIR || `/run/containers/${process.getuid?.() ?? 0}`;
  return [
    env.XDG_RUNTIME_DIR ? join(runtime, "containers/auth.json") : join(runtime, "auth.json"),
    join(env.XDG_CONFIG_HOME || join(home, ".config"), "containers/auth.json"),
    dockerConfigPath(env),
  ];
}

export function dockerConfigPath(env: Env): string {
  return join(env.DOCKER_CONFIG || join(userFolder(env), ".docker"), "config.json");
}

/** Undefined when there is none. Errors: REGISTRY_CONFIG; its message never quotes the file. */
export function readAuthFile(path: string): AuthFile | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const document = text.trim() === "" ? {} : parse(text, path);
  const { credsStore } = document;
  return {
    path,
    auths: mapOf(document.auths) as ReadonlyMap<string, AuthEntry>,
    ...(typeof credsStore === "string" && credsStore !== "" ? { credsStore } : {}),
    credHelpers: new Map(
      [...mapOf(document.credHelpers)].filter(
        (pair): pair is [string, string] => typeof pair[1] === "string",
      ),
    ),
  };
}

export function entryCredentials(entry: AuthEntry): Credentials | undefined {
  const { registrytoken, identitytoken, auth } = entry;
  if (typeof registrytoken === "string" && registrytoken !== "")
    return { kind: "bearer", token: registrytoken };
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { kind: "refresh", token: identitytoken };
  if (typeof auth === "string" && auth !== "") {
    const text = Buffer.from(auth, "base64").toString("utf8");
    const colon = text.indexOf(":");
    // Docker once padded what it wrote with NULs.
    if (colon > 0)
      return {
        kind: "basic",
        username: text.slice(0, colon),
        password: text.slice(colon + 1).replace(/\0+$/, ""),
      };
  }
  const { username, password } = entry;
  if (typeof username === "string" && typeof password === "string" && username !== "")
    return { kind: "basic", username, password };
  return undefined;
}

/** Changes entries, all or none, and leaves everything else in the file as it is. The file is nobody else's to read. */
export function writeAuthEntries(
  path: string,
  entries: Iterable<readonly [key: string, entry: { readonly auth: string } | undefined]>,
): void {
  const text = readText(path) ?? "";
  // One that may not be read holds the logins of somebody: of root, who used sudo, perhaps.
  if (text === "" && existsSync(path) && statSync(path).size > 0)
    throw new StrakeError("REGISTRY_CONFIG", `${path} cannot be read, and so not be changed`, {
      hint: "make it yours (chown), or set REGISTRY_AUTH_FILE to another file",
    });
  const document = text.trim() === "" ? {} : parse(text, path);
  const auths = Object.fromEntries(mapOf(document.auths));
  for (const [key, entry] of entries)
    if (entry === undefined) delete auths[key];
    else auths[key] = entry;
  let temporary: string | undefined;
  try {
    const target = linkTarget(path);
    temporary = `${target}.${randomBytes(6).toString("hex")}`;
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, `${JSON.stringify({ ...document, auths }, null, "\t")}\n`, {
      mode: 0o600,
      flag: "wx",
    });
    keepOwner(target, temporary);
    renameSync(temporary, target);
  } catch (cause) {
    if (temporary !== undefined && existsSync(temporary)) rmSync(temporary, { force: true });
    throw new StrakeError("REGISTRY_CONFIG", `${path} cannot be written`, {
      hint: "set REGISTRY_AUTH_FILE to a file that can be",
      cause,
    });
  }
}

/** A symlink to a dotfiles folder stays one, also when what it leads to is not there yet. */
function linkTarget(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink();
  return isLink ? resolve(dirname(path), readlinkSync(path)) : path;
}

/** What root writes for a user (sudo with the user's HOME) stays the user's. */
function keepOwner(from: string, to: string): void {
  const before = statSync(from, { throwIfNoEntry: false });
  if (before === undefined || process.getuid?.() !== 0 || before.uid === 0) return;
  chownSync(to, before.uid, before.gid);
}

function readText(path: string): string | undefined {
  try {
    if (statSync(path).size > sizeLimit) throw new StrakeError("REGISTRY_CONFIG", `${path} is too large`);
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof StrakeError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return undefined;
    throw new StrakeError("REGISTRY_CONFIG", `${path} cannot be read`, { cause });
  }
}

function parse(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, and with it what is secret.
    throw new StrakeError("REGISTRY_CONFIG", `${path} is not JSON`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new StrakeError("REGISTRY_CONFIG", `${path} is no JSON object`);
  return value as Record<string, unknown>;
}

function mapOf(value: unknown): Map<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return new Map();
  return new Map(Object.entries(value).filter(([, entry]) => entry !== null));
}
