import type { AccessConfig } from "./config.ts";
import { type Credentials, type Directory, parseBasic } from "./directory.ts";
import type { Principal } from "./policies.ts";
import { clientOf, RateLimit } from "./rate-limit.ts";

export type LoginResult =
  | { readonly principal: Principal }
  | { readonly wrong: true }
  /** Too many wrong passwords came from there: seconds to wait. */
  | { readonly wait: number };

const standardLimit = { failures: 20, seconds: 60 };

/** Checks passwords, and slows down whoever guesses them. */
export class Login {
  readonly #directory: Directory;
  readonly #failures: RateLimit;

  constructor(directory: Directory, { loginLimit = standardLimit }: AccessConfig) {
    this.#directory = directory;
    this.#failures = new RateLimit(loginLimit.failures, loginLimit.seconds);
  }

  /** Who an Authorization header of the Basic kind is; nobody in particular for empty credentials. */
  async basic(header: string, remote: string): Promise<LoginResult> {
    const credentials = parseBasic(header);
    if (credentials === "malformed") return { wrong: true };
    // skopeo and others that have no credentials answer a Basic challenge with empty ones.
    if (credentials.name === "" && credentials.password === "")
      return { principal: this.#directory.anonymous };
    return this.password(credentials, remote);
  }

  async password(credentials: Credentials, remote: string): Promise<LoginResult> {
    // Who is known to be right need not wait for others behind the same address, and nobody guesses a robot's secret.
    if (this.#directory.isCheap(credentials)) {
      const known = await this.#directory.verify(credentials);
      return known ? { principal: known } : { wrong: true };
    }
    const client = clientOf(remote);
    const wait = this.#failures.wait(client);
    if (wait > 0) return { wait };
    // Taken before the check and given back after it: many guesses sent at once do not slip through.
    this.#failures.take(client);
    const principal = await this.#directory.verify(credentials);
    if (!principal) return { wrong: true };
    this.#failures.give(client);
    return { principal };
  }
}
