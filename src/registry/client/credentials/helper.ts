import { spawn } from "node:child_process";
import { StrakeError } from "../../../errors/index.ts";
import type { Credentials } from "../auth/credentials.ts";

const outputLimit = 1 << 20;
/** A helper that asks a locked keyring or a D-Bus nobody serves may wait for ever. */
const defaultPatienceMs = 30_000;

interface HelperOptions {
  /** Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly patienceMs?: number;
}

/** A `docker-credential-NAME` program (docker-credential-helpers' protocol). Its output never gets into an error. */
export class CredentialHelper {
  readonly #program: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #patienceMs: number;

  /** Errors: REGISTRY_CONFIG for a name that is no program's. */
  constructor(name: string, { env = process.env, patienceMs = defaultPatienceMs }: HelperOptions = {}) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
      throw new StrakeError(
        "REGISTRY_CONFIG",
        `${JSON.stringify(name)} cannot be the name of a credential helper`,
      );
    this.#program = `docker-credential-${name}`;
    this.#env = env;
    this.#patienceMs = patienceMs;
  }

  /** Undefined when the helper has none for this server. Errors: CREDENTIAL_HELPER. */
  async get(server: string): Promise<Credentials | undefined> {
    const { code, output } = await this.#run("get", server);
    if (code !== 0) {
      if (/credentials not found|no credentials|not found in native keychain/i.test(output)) return undefined;
      throw this.#failed("get", ended(code));
    }
    let answer: { Username?: unknown; Secret?: unknown } | null;
    try {
      answer = JSON.parse(output);
    } catch {
      throw new StrakeError("CREDENTIAL_HELPER", `${this.#program} answered with what is no JSON`);
    }
    const { Username: username, Secret: secret } = answer ?? {};
    if (typeof username !== "string" || typeof secret !== "string" || secret === "") return undefined;
    if (username === "<token>") return { kind: "refresh", token: secret };
    return { kind: "basic", username, password: secret };
  }

  async store(server: string, { username, secret }: { username: string; secret: string }): Promise<void> {
    const { code } = await this.#run(
      "store",
      JSON.stringify({ ServerURL: server, Username: username, Secret: secret }),
    );
    if (code !== 0) throw this.#failed("store", ended(code));
  }

  async erase(server: string): Promise<void> {
    const { code } = await this.#run("erase", server);
    if (code !== 0) throw this.#failed("erase", ended(code));
  }

  #run(verb: string, input: string): Promise<{ code: number; output: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.#program, [verb], {
        env: this.#env as NodeJS.ProcessEnv,
        stdio: ["pipe", "pipe", "ignore"],
      });
      const end = () => {
        child.kill("SIGKILL");
        // What it has started in turn may hold its output open.
        child.stdout.destroy();
      };
      let isLate = false;
      const patience = setTimeout(() => {
        isLate = true;
        end();
      }, this.#patienceMs);
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (output.length > outputLimit) end();
      });
      child.on("error", (cause: NodeJS.ErrnoException) => {
        clearTimeout(patience);
        const missing = cause.code === "ENOENT";
        const message = missing
          ? `${this.#program} is not installed`
          : `${this.#program} could not be started`;
        const hint = "install it, or take it out of config.json (credsStore, credHelpers)";
        reject(new StrakeError("CREDENTIAL_HELPER", message, { hint, cause }));
      });
      child.on("close", (code) => {
        clearTimeout(patience);
        if (isLate) reject(this.#failed(verb, `gave no answer within ${this.#patienceMs / 1000} seconds`));
        else resolve({ code: code ?? -1, output });
      });
      // A helper that is not interested in its input ends before it was written.
      child.stdin.on("error", () => {});
      child.stdin.end(input);
    });
  }

  #failed(verb: string, how: string): StrakeError {
    return new StrakeError("CREDENTIAL_HELPER", `${this.#program} ${verb} ${how}`, {
      hint: `try it: echo SERVER | ${this.#program} get`,
    });
  }
}

function ended(code: number): string {
  return code < 0 ? "was killed" : `failed with exit code ${code}`;
}
