import { createHash } from "node:crypto";
import type { AccessConfig } from "./config.ts";
import { Htpasswd } from "./htpasswd.ts";
import { Policies, type Principal } from "./policies.ts";
import { type Robots, robotPrefix } from "./robots.ts";

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** Everybody a registry knows: the users of the password file and the robots. */
export class Directory {
  readonly #users: Htpasswd | undefined;
  readonly #robots: Robots;
  readonly #policies: Policies;

  constructor(config: AccessConfig, robots: Robots) {
    this.#users = config.htpasswd === undefined ? undefined : new Htpasswd(config.htpasswd);
    this.#robots = robots;
    this.#policies = new Policies(config);
  }

  get anonymous(): Principal {
    return this.#policies.anonymous;
  }

  /** Whether the credentials need no costly check. */
  isCheap({ name, password }: Credentials): boolean {
    return robotOf(name) !== undefined || (this.#users?.isProven(name, password) ?? false);
  }

  async verify({ name, password }: Credentials): Promise<Principal | undefined> {
    const robot = robotOf(name);
    if (robot !== undefined)
      return (await this.#robots.verify(robot, password)) ? this.#robots.principal(robot) : undefined;
    if (!this.#users) return undefined;
    const right = this.#users.isProven(name, password) || (await this.#users.verify(name, password));
    return right ? this.#policies.user(name) : undefined;
  }

  /** Whoever a token names, as long as they are still here; nobody in particular for the empty name. */
  async byName(name: string): Promise<Principal | undefined> {
    if (name === "") return this.anonymous;
    const robot = robotOf(name);
    if (robot !== undefined) return this.#robots.principal(robot);
    return this.#users?.hash(name) === undefined ? undefined : this.#policies.user(name);
  }

  /** Changes with the password: a refresh token made for another one is worth nothing. */
  async fingerprint(name: string): Promise<string | undefined> {
    const robot = robotOf(name);
    const stored = robot === undefined ? this.#users?.hash(name) : await this.#robots.fingerprint(robot);
    return stored && createHash("sha256").update(`refresh\0${stored}`).digest("base64url").slice(0, 22);
  }
}

function robotOf(name: string): string | undefined {
  return name.startsWith(robotPrefix) ? name.slice(robotPrefix.length) : undefined;
}

/** Credentials of an Authorization header (RFC 7617); "malformed" when it is Basic and holds none. */
export function parseBasic(header: string): Credentials | "malformed" {
  const encoded = /^basic +([A-Za-z0-9+/_-]*={0,2})$/i.exec(header)?.[1];
  if (encoded === undefined) return "malformed";
  const decoded = Buffer.from(encoded, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon === -1) return "malformed";
  return { name: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
