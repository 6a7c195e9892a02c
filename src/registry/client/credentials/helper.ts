import { spawn } from "node:child_process";
import { StrakeError } from "../../../errors/index.ts";
import type { Credentials } from "../auth/credentials.ts";

const outputLimit = 1 << 20;
/** A helper that asks a locked keyring or a D-Bus nobody serves may wait for ever. */
const timeoutMs = 30_000;

/** A `docker-credential-NAME` program (docker-credential-helpers' protocol). Its output never gets into an error. */
export class CredentialHelper {
  readonly #program: string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  /** Errors: REGISTRY_CONFIG for a name that is no program's. */
  constructor(name: string, env: Readonly<Record<string, string | undefined>> = process.env) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
      throw new StrakeError(
        "REGISTRY_CONFIG",
        `${JSON.stringify(name)} cannot be the name of a credential helper`,
      );
    this.#program = `docker-credential-${name}`;
    this.#env = env;
  }

  /** Undefined when the helper has none for this server. Errors: CREDENTIAL_HELPER. */
  async get(server: string): Promise<Credentials | undefined> {
    const { code, output } = await this.#run("get", server);
    if (code !== 0) {
      if (/credentials not found|no credentials|not found in native keychain/i.test(output)) return undefined;
      throw this.#failed("get", code);
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
    if (code !== 0) throw this.#failed("store", code);
  }

  async erase(server: string): Promise<void> {
    const { code } = await this.#run("erase", server);
    if (code !== 0) throw this.#failed("erase", code);
  }

  #run(verb: string, input: string): Promise<{ code: number; output: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.#program, [verb], {
        env: this.#env as NodeJS.ProcessEnv,
        stdio: ["pipe", "pipe", "ignore"],
        timeout: timeoutMs,
        killSignal: "SIGKILL",
      });
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (output.length > outputLimit) child.kill("SIGKILL");
      });
      child.on("error", (cause: NodeJS.ErrnoException) => {
        const missing = cause.code === "ENOENT";
        const message = missing
          ? `${this.#program} is not installed`
          : `${this.#program} could not be started`;
        const hint = "install it, or take it out of config.json (credsStore, credHelpers)";
        reject(new StrakeError("CREDENTIAL_HELPER", message, { hint, cause }));
      });
      child.on("close", (code) => resolve({ code: code ?? -1, output }));
      // A helper that is not interested in its input ends before it was written.
      child.stdin.on("error", () => {});
      child.stdin.end(input);
    });
  }

  #failed(verb: string, code: number): StrakeError {
    const how = code < 0 ? "was ended (no answer within 30 seconds?)" : `failed with exit code ${code}`;
    return new StrakeError("CREDENTIAL_HELPER", `${this.#program} ${verb} ${how}`, {
      hint: `try it: echo SERVER | ${this.#program} get`,
    });
  }
}
