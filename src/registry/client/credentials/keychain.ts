import { StrakeError } from "../../../errors/index.ts";
import type { Credentials } from "../auth/credentials.ts";
import { isDockerHub } from "../docker-hub.ts";
import {
  type AuthFile,
  authFilePaths,
  dockerConfigPath,
  entryCredentials,
  readAuthFile,
  writeAuthEntries,
} from "./file.ts";
import { CredentialHelper } from "./helper.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The address Docker keeps Docker Hub's credentials under. */
const hubKey = "https://index.docker.io/v1/";

/** Where a login was kept. */
export interface StoredLogin {
  /** The file, or the helper's name. */
  readonly place: string;
  readonly isPlainText: boolean;
}

/**
 * The credentials of this machine's user: helpers for a registry, entries of files (the longest path that fits: credentials for
 * one repository are not shown to another), then the helper for all. Nothing is kept longer than this object.
 */
export class Keychain {
  readonly #env: Env;
  readonly #known = new Map<string, Promise<Credentials | undefined>>();

  constructor(env: Env = process.env) {
    this.#env = env;
  }

  /** For `host` or `host/path`. Errors: REGISTRY_CONFIG, CREDENTIAL_HELPER. */
  find(name: string): Promise<Credentials | undefined> {
    let found = this.#known.get(name);
    if (found === undefined) {
      found = this.#look(name);
      this.#known.set(name, found);
    }
    return found;
  }

  /**
   * Keeps a login where the next `find` looks first: in the file that has an older one, else in Docker's config.json; there in the
   * configured helper, else in the file itself (base64 is no encryption: `isPlainText`). Errors: REGISTRY_CONFIG.
   */
  async store(
    name: string,
    { username, password }: { username: string; password: string },
  ): Promise<StoredLogin> {
    this.#known.clear();
    const path = (await this.#fileThatAnswers(name)) ?? this.#target();
    const file = readAuthFile(path);
    const older = file ? keysOf(file, name).map((key) => [key, undefined] as const) : [];
    // Helpers know registries, not what is in them.
    const helper = file && !name.includes("/") ? helperOf(file, name) : undefined;
    if (helper !== undefined)
      try {
        await new CredentialHelper(helper, { env: this.#env }).store(keyFor(name), {
          username,
          secret: password,
        });
        if (older.length > 0) writeAuthEntries(path, older);
        return { place: `docker-credential-${helper}`, isPlainText: false };
      } catch (error) {
        // A keyring that nobody can unlock (no D-Bus, no terminal) must not make login impossible.
        if (!(error instanceof StrakeError) || error.code !== "CREDENTIAL_HELPER") throw error;
      }
    const auth = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
    writeAuthEntries(path, [...older, [keyFor(name), { auth }]]);
    return { place: path, isPlainText: true };
  }

  /** Forgets a login everywhere. False when there was none. */
  async erase(name: string): Promise<boolean> {
    this.#known.clear();
    let found = false;
    let failure: StrakeError | undefined;
    for (const path of authFilePaths(this.#env)) {
      const file = readAuthFile(path);
      if (file === undefined) continue;
      const keys = keysOf(file, name);
      if (keys.length > 0) {
        writeAuthEntries(
          path,
          keys.map((key) => [key, undefined]),
        );
        found = true;
      }
      const helper = helperOf(file, hostOf(name));
      if (helper === undefined || name.includes("/")) continue;
      const program = new CredentialHelper(helper, { env: this.#env });
      try {
        if ((await program.get(keyFor(name))) === undefined) continue;
        await program.erase(keyFor(name));
        found = true;
      } catch (error) {
        if (!(error instanceof StrakeError) || error.code !== "CREDENTIAL_HELPER") throw error;
        // What it could not keep was in the file: see `store`.
        if (keys.length === 0) failure ??= error;
      }
    }
    if (failure) throw failure;
    return found;
  }

  #target(): string {
    return this.#env.REGISTRY_AUTH_FILE || dockerConfigPath(this.#env);
  }

  async #look(name: string): Promise<Credentials | undefined> {
    for (const path of authFilePaths(this.#env)) {
      const file = readAuthFile(path);
      const found = file && (await this.#lookIn(file, name));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The path of the file that decides what is sent, if there is one; it does so with a helper that fails too. */
  async #fileThatAnswers(name: string): Promise<string | undefined> {
    for (const path of authFilePaths(this.#env)) {
      const file = readAuthFile(path);
      if (file === undefined) continue;
      const answers = await this.#lookIn(file, name).catch(() => true);
      if (answers !== undefined) return path;
    }
    return undefined;
  }

  async #lookIn(file: AuthFile, name: string): Promise<Credentials | undefined> {
    const host = hostOf(name);
    const entry = longest(file, name);
    // Nothing is more exact, and helpers have nothing of the kind.
    if (entry !== undefined && entry.key !== host) return entry.credentials;
    const helper = ownHelper(file, host);
    if (helper)
      try {
        const kept = await this.#ask(helper, host);
        if (kept !== undefined) return kept;
      } catch (error) {
        // What it could not keep either is in the file: see `store`.
        if (entry === undefined) throw error;
      }
    if (entry !== undefined) return entry.credentials;
    if (helper === undefined && file.credsStore !== undefined) return await this.#ask(file.credsStore, host);
    return undefined;
  }

  async #ask(helper: string, host: string): Promise<Credentials | undefined> {
    const kept = await new CredentialHelper(helper, { env: this.#env }).get(keyFor(host));
    return kept && { ...kept, place: `docker-credential-${helper}` };
  }
}

/** The entry for `host/a/b`, else `host/a`, else `host`. */
function longest(
  file: AuthFile,
  name: string,
): { readonly key: string; readonly credentials: Credentials } | undefined {
  const entries = new Map([...file.auths].map(([key, entry]) => [normalizeKey(key), entry]));
  for (let key = name; key !== ""; key = key.includes("/") ? key.slice(0, key.lastIndexOf("/")) : "") {
    const entry = entries.get(key);
    const found = entry && entryCredentials(entry);
    if (found !== undefined) return { key, credentials: { ...found, place: file.path } };
  }
  return undefined;
}

/** Every way in which a file writes this name. */
function keysOf(file: AuthFile, name: string): string[] {
  return [...file.auths.keys()].filter((key) => normalizeKey(key) === normalizeKey(keyFor(name)));
}

function helperOf(file: AuthFile, host: string): string | undefined {
  return (ownHelper(file, host) ?? file.credsStore) || undefined;
}

/** The registry's own helper; empty when it is to have none, not even the one for all. */
function ownHelper(file: AuthFile, host: string): string | undefined {
  for (const [key, helper] of file.credHelpers) if (normalizeKey(key) === host) return helper;
  return undefined;
}

/** Keys are written as hosts, as addresses, with and without the API's version. */
function normalizeKey(key: string): string {
  const plain = key
    .replace(/^https?:\/\//, "")
    .replace(/\/+$/, "")
    .replace(/\/v[12]$/, "");
  return isDockerHub(plain) ? "docker.io" : plain;
}

function keyFor(name: string): string {
  return name === "docker.io" ? hubKey : name;
}

function hostOf(name: string): string {
  return name.split("/", 1)[0]!;
}
