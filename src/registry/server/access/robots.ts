import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { encodeRecord, readRecord } from "../records.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { Scope } from "./config.ts";
import { allowedBy, type Principal } from "./policies.ts";

/** A user that is a program: it has a secret of its own and only the rights it was made with. */
export interface Robot {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly createdBy?: string;
}

interface RobotRecord extends Robot {
  /** The secret has 256 random bits: a plain hash of it cannot be searched, and needs no salt and no slowness. */
  readonly secretHash: string;
}

/** User names of robots begin so; no other user's name has a plus. */
export const robotPrefix = "robot+";
export const robotName = /^[a-z0-9][a-z0-9-]{0,62}$/;

const folder = "access/robots/";
const listLimit = 1000;
/** Milliseconds a robot is remembered: what a revocation by another replica takes to arrive. */
const rememberedFor = 5000;
const rememberedLimit = 10_000;

/** The robots of a registry, kept in its storage: every replica knows them. */
export class Robots {
  readonly #objects: ObjectStore;
  readonly #known = new Map<string, { record: RobotRecord | undefined; at: number }>();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** Makes a robot. The secret is told this once. Throws OBJECT_CHANGED when there is one of this name. */
  async create(robot: Omit<Robot, "createdAt">): Promise<{ robot: Robot; secret: string }> {
    const secret = `strake_${randomBytes(32).toString("base64url")}`;
    const record: RobotRecord = { ...robot, createdAt: Date.now(), secretHash: hashOf(secret) };
    await this.#objects.put(folder + robot.name, encodeRecord(record), { ifNoneMatch: "*" });
    this.#known.delete(robot.name);
    return { robot: publicPart(record), secret };
  }

  /** All robots by name, the expired ones too. */
  async list(): Promise<Robot[]> {
    const robots: Robot[] = [];
    for (let after: string | undefined; ; ) {
      const keys: string[] = await this.#objects.list(folder, { after, limit: listLimit });
      for (const key of keys) {
        const record = await readRecord<RobotRecord>(this.#objects, key);
        if (record) robots.push(publicPart(record.value));
      }
      after = keys.at(-1);
      if (keys.length < listLimit) return robots;
    }
  }

  /** True when there was such a robot. Tokens it already has end with it. */
  async revoke(name: string): Promise<boolean> {
    const removed = await this.#objects.delete(folder + name);
    this.#known.delete(name);
    return removed;
  }

  async verify(name: string, secret: string): Promise<boolean> {
    const record = await this.#find(name);
    const given = Buffer.from(hashOf(secret), "hex");
    const stored = Buffer.from(record?.secretHash ?? hashOf(""), "hex");
    return timingSafeEqual(given, stored) && record !== undefined;
  }

  /** The rights of a robot that is neither revoked nor expired. */
  async principal(name: string): Promise<Principal | undefined> {
    const record = await this.#find(name);
    return record && { name: robotPrefix + name, admin: false, can: allowedBy(record.scopes) };
  }

  async fingerprint(name: string): Promise<string | undefined> {
    return (await this.#find(name))?.secretHash;
  }

  async #find(name: string): Promise<RobotRecord | undefined> {
    if (!robotName.test(name)) return undefined;
    const now = Date.now();
    let known = this.#known.get(name);
    if (!known || Math.abs(now - known.at) > rememberedFor) {
      const found = await readRecord<RobotRecord>(this.#objects, folder + name);
      known = { record: found?.value, at: now };
      if (this.#known.size >= rememberedLimit) this.#known.clear();
      this.#known.set(name, known);
    }
    return known.record && known.record.expiresAt > now ? known.record : undefined;
  }
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function publicPart({ secretHash: _, ...robot }: RobotRecord): Robot {
  return robot;
}
