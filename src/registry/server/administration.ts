import { StrakeError } from "../../errors/index.ts";
import type { Digest } from "../../oci/index.ts";
import type { Scope } from "./access/config.ts";
import { decodeScope } from "./access/decode-config.ts";
import { type Robot, type Robots, robotPrefix } from "./access/robots.ts";
import type { Core } from "./core.ts";
import { type CollectOptions, type CollectReport, collect } from "./gc/collect.ts";
import { type ScrubOptions, type ScrubReport, scrub } from "./gc/scrub.ts";
import { emptyTrash, listTrash, restore, type TrashEntry } from "./gc/trash.ts";
import { Refusal } from "./protocol/refusal.ts";
import { type RetentionOptions, type RetentionReport, retain } from "./retention/retain.ts";
import type { RetentionRule } from "./retention/rules.ts";

export interface NewRobot {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Seconds. */
  readonly lifetime: number;
  readonly createdBy?: string;
}

/** A robot that was just made; the secret is told this once. */
export interface MadeRobot extends Robot {
  /** What it logs in as. */
  readonly username: string;
  readonly secret: string;
}

/** What is done to a registry beside serving it. All of it may be done while it serves. Errors: REGISTRY_STORAGE. */
export interface Administration {
  /** Takes what nothing needs. Undefined when another collection is at work. */
  collect(options?: CollectOptions): Promise<CollectReport | undefined>;
  /** Deletes the tags that no rule keeps; without rules by those of the registry's configuration. Errors: USAGE. */
  retain(rules?: readonly RetentionRule[], options?: RetentionOptions): Promise<RetentionReport>;
  /** Reads everything that is stored and finds what has changed on the medium. Errors: CANCELED. */
  scrub(options?: ScrubOptions): Promise<ScrubReport>;
  /** What was deleted and can be had back. */
  trash(repository?: string): Promise<readonly TrashEntry[]>;
  /**
   * Puts a deleted manifest back with those of its tags that point nowhere else by now; resolves to them, or to undefined
   * when it cannot be had back. Errors: REGISTRY_DENIED beyond a quota.
   */
  restore(repository: string, digest: Digest): Promise<readonly string[] | undefined>;
  /** Gives up what can be had back, of one repository or of all; the next collection takes it. Resolves to how much. */
  emptyTrash(repository?: string): Promise<number>;
  robots(): Promise<readonly Robot[]>;
  /** Errors: OBJECT_CHANGED when there is a robot of this name, REGISTRY_SERVER_CONFIG for a scope that cannot be meant. */
  createRobot(robot: NewRobot): Promise<MadeRobot>;
  /** False when there is no such robot. */
  revokeRobot(name: string): Promise<boolean>;
}

/** Works on the storage itself. */
export class StorageAdministration implements Administration {
  readonly #core: Core;
  readonly #robots: Robots;
  readonly #rules: () => readonly RetentionRule[];

  constructor(core: Core, robots: Robots, rules: () => readonly RetentionRule[]) {
    this.#core = core;
    this.#robots = robots;
    this.#rules = rules;
  }

  collect(options?: CollectOptions): Promise<CollectReport | undefined> {
    return inOurWords(collect(this.#core, options));
  }

  retain(rules?: readonly RetentionRule[], options?: RetentionOptions): Promise<RetentionReport> {
    return inOurWords(retain(this.#core, rules ?? this.#rules(), options));
  }

  scrub(options?: ScrubOptions): Promise<ScrubReport> {
    return scrub(this.#core.objects, options);
  }

  trash(repository?: string): Promise<TrashEntry[]> {
    return listTrash(this.#core.objects, repository);
  }

  restore(repository: string, digest: Digest): Promise<readonly string[] | undefined> {
    return inOurWords(restore(this.#core, repository, digest));
  }

  emptyTrash(repository?: string): Promise<number> {
    return emptyTrash(this.#core.objects, repository);
  }

  robots(): Promise<Robot[]> {
    return this.#robots.list();
  }

  async createRobot({ lifetime, ...described }: NewRobot): Promise<MadeRobot> {
    for (const [i, value] of described.scopes.entries()) decodeScope({ value, path: `scopes[${i}]` });
    const expiresAt = Date.now() + lifetime * 1000;
    const { robot, secret } = await this.#robots.create({ ...described, expiresAt });
    return { ...robot, username: robotPrefix + robot.name, secret };
  }

  revokeRobot(name: string): Promise<boolean> {
    return this.#robots.revoke(name);
  }
}

/** What the protocol would answer a client, as whoever administers is told it. */
async function inOurWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const code = error.code === "DENIED" ? "REGISTRY_DENIED" : "REGISTRY_STORAGE";
    throw new StrakeError(code, error.message, { cause: error });
  }
}
