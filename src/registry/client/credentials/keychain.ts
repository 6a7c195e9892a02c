import { StrakeError } from "../../../errors/index.ts";
import type { Credentials } from "../auth/credentials.ts";
import { isDockerHub } from "../docker-hub.ts";
import {
  type AuthFile,
  authFilePaths,
  dockerConfigPath,
  entryCredentials,
  readAuthFile,
  writeAuthEntry,
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

  /** Keeps a login in the configured helper, else in Docker's config.json (base64 is no encryption: `isPlainText`). Errors: REGISTRY_CONFIG. */
  async store(
    name: string,
    { username, password }: { username: string; password: string },
  ): Promise<StoredLogin> {
    const path = this.#target();
    const file = readAuthFile(path);
    const helper = file && helperOf(file, hostOf(name));
    if (helper !== undefined)
      try {
        await new CredentialHelper(helper, { env: this.#env }).store(keyFor(name), {
          username,
          secret: password,
        });
        return { place: `docker-credential-${helper}`, isPlainText: false };
      } catch (error) {
        // A keyring that nobody can unlock (no D-Bus, no terminal) must not make login impossible.
        if (!(error instanceof StrakeError) || error.code !== "CREDENTIAL_HELPER") throw error;
      }
    const auth = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
    writeAuthEntry(path, keyFor(name), { auth });
    return { place: path, isPlainText: true };
  }

  /** Forgets a login everywhere. False when there was none. */
  async erase(name: string): Promise<boolean> {
    let found = false;
    for (const path of authFilePaths(this.#env)) {
      const file = readAuthFile(path);
      if (file === undefined) continue;
      for (const key of file.auths.keys())
        if (normalizeKey(key) === normalizeKey(keyFor(name))) {
          writeAuthEntry(path, key, undefined);
          found = true;
        }
      const helper = helperOf(file, hostOf(name));
      if (helper === undefined) continue;
      const program = new CredentialHelper(helper, { env: this.#env });
      if ((await program.get(keyFor(name))) === undefined) continue;
      await program.erase(keyFor(name));
      found = true;
    }
    return found;
  }

  #target(): string {
    return this.#env.REGISTRY_AUTH_FILE || dockerConfigPath(this.#env);
  }

  async #look(name: string): Promise<Credentials | undefined> {
    const host = hostOf(name);
    for (const path of authFilePaths(this.#env)) {
      const file = readAuthFile(path);
      if (file === undefined) continue;
      const named = file.credHelpers.get(host);
      const entry = longest(file, name);
      if (named !== undefined)
        try {
          return await this.#ask(named, name);
        } catch (error) {
          // What it could not keep either is in the file: see `store`.
          if (entry === undefined) throw error;
        }
      if (entry !== undefined) return entry;
      if (file.credsStore === undefined) continue;
      const stored = await this.#ask(file.credsStore, name);
      if (stored !== undefined) return stored;
    }
    return undefined;
  }

  async #ask(helper: string, name: string): Promise<Credentials | undefined> {
    return await new CredentialHelper(helper, { env: this.#env }).get(keyFor(hostOf(name)));
  }
}

/** The entry for `host/a/b`, else `host/a`, else `host`. */
function longest(file: AuthFile, name: string): Credentials | undefined {
  const entries = new Map([...file.auths].map(([key, entry]) => [normalizeKey(key), entry]));
  for (let key = name; key !== ""; key = key.includes("/") ? key.slice(0, key.lastIndexOf("/")) : "") {
    const entry = entries.get(key);
    const found = entry && entryCredentials(entry);
    if (found !== undefined) return found;
  }
  return undefined;
}

function helperOf(file: AuthFile, host: string): string | undefined {
  return file.credHelpers.get(host) ?? file.credsStore;
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
