import { createHash } from "node:crypto";
import type { RepositoryAction } from "./config.ts";
import type { SigningKey } from "./signing-key.ts";

/** Something a token allows ("Docker Registry v2 authentication via central service", access claim). */
export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly (RepositoryAction | "*")[];
}

export interface Claims {
  readonly iss: string;
  readonly aud: string;
  /** User name; empty for whoever gave none. */
  readonly sub: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  /** What an access token allows. */
  readonly access?: readonly Access[];
  /** Of a refresh token: fingerprint of the password it stands for. */
  readonly fingerprint?: string;
}

/** An access token is never taken for a refresh token, nor the other way around. */
export type TokenType = "JWT" | "refresh+jwt";

const tokenLimit = 16 << 10;
/** Seconds by which replicas' clocks may differ. */
const leeway = 30;
const rememberedLimit = 4096;

/** Signs and checks the registry's own tokens (RFC 7515, 7519). */
export class Tokens {
  readonly #key: SigningKey;
  readonly #service: string;
  /** Tokens whose signature was found right, by their hash. */
  readonly #verified = new Map<string, Claims>();

  constructor(key: SigningKey, service: string) {
    this.#key = key;
    this.#service = service;
  }

  /** A token good for `lifetime` seconds from now. */
  async sign(
    type: TokenType,
    lifetime: number,
    claims: Pick<Claims, "sub" | "access" | "fingerprint">,
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const header = { alg: this.#key.algorithm, typ: type, kid: this.#key.id };
    const payload: Claims = {
      ...{ iss: this.#service, aud: this.#service, iat: now, nbf: now, exp: now + lifetime },
      jti: crypto.randomUUID(),
      ...claims,
    };
    const signed = `${encodePart(header)}.${encodePart(payload)}`;
    const signature = await this.#key.sign(new TextEncoder().encode(signed));
    return `${signed}.${Buffer.from(signature).toString("base64url")}`;
  }

  /** The claims of a token this registry signed and that is good now; undefined for any other text. */
  async verify(type: TokenType, token: string): Promise<Claims | undefined> {
    if (token.length > tokenLimit) return undefined;
    const id = createHash("sha256").update(`${type}\0${token}`).digest("base64");
    let claims = this.#verified.get(id);
    if (!claims) {
      claims = await this.#check(type, token);
      if (!claims) return undefined;
      if (this.#verified.size >= rememberedLimit) this.#verified.clear();
      this.#verified.set(id, claims);
    }
    const now = Date.now() / 1000;
    const { iss, aud, nbf, iat, exp } = claims;
    const times = [nbf, iat, exp].every((time) => Number.isFinite(time));
    if (!times || iss !== this.#service || aud !== this.#service) return undefined;
    return now < exp && now + leeway >= nbf && now + leeway >= iat ? claims : undefined;
  }

  async #check(type: TokenType, token: string): Promise<Claims | undefined> {
    const parts = token.split(".");
    if (parts.length !== 3) return undefined;
    const [head, body, tail] = parts as [string, string, string];
    const header = decodePart(head);
    // The token says nothing about how it is to be checked: the algorithm and the key are the registry's own
    // (CVE-2025-24976 took a key out of the header, others took "none" for an algorithm). A header with anything
    // more, such as jwk, jku, x5c or crit, was not made here.
    const { alg, typ, kid, ...foreign } = header ?? {};
    if (alg !== this.#key.algorithm || typ !== type || kid !== this.#key.id) return undefined;
    if (Object.keys(foreign).length > 0 || !partPattern.test(tail)) return undefined;
    const signature = new Uint8Array(Buffer.from(tail, "base64url"));
    const right = await this.#key.verify(new TextEncoder().encode(`${head}.${body}`), signature);
    const claims = right ? decodePart(body) : undefined;
    return claims && typeof claims.sub === "string" ? (claims as unknown as Claims) : undefined;
  }
}

const partPattern = /^[A-Za-z0-9_-]+$/;

function encodePart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decodePart(part: string): Record<string, unknown> | undefined {
  if (!partPattern.test(part)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
