import { expect } from "bun:test";
import { createHash, randomBytes } from "node:crypto";

export type Algorithm = "sha256" | "sha512";

export const digestOf = (bytes: Uint8Array | string, algorithm: Algorithm = "sha256") =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;

export type Bytes = Uint8Array<ArrayBuffer>;

export const randomContent = (size = 512): Bytes => new Uint8Array(randomBytes(size));

/** One thing a registry does or does not do. `run` throws when it does not. */
export interface Check {
  readonly name: string;
  readonly run: (peer: Peer) => Promise<void>;
}

/** Any registry, by its address alone: ours or somebody else's. */
export class Peer {
  readonly url: URL;

  constructor(url: string | URL) {
    this.url = new URL(url);
  }

  /** A request to a path of a repository, or to a Location as a registry gave it. */
  async call(path: string, init: RequestInit & { query?: Record<string, string | string[]> } = {}) {
    const { query = {}, ...rest } = init;
    const url = new URL(path, this.url);
    for (const [name, values] of Object.entries(query))
      for (const value of [values].flat()) url.searchParams.append(name, value);
    return fetch(url, rest);
  }

  /** The answer's status has to be one of these; the answer's own words are part of the failure. */
  async expect(statuses: readonly number[], path: string, init?: Parameters<Peer["call"]>[1]) {
    const response = await this.call(path, init);
    if (!statuses.includes(response.status)) {
      const what = `${init?.method ?? "GET"} ${path.slice(0, 120)}`;
      throw new Error(
        `${what}: ${response.status}, not ${statuses.join(" or ")}: ${(await response.text()).slice(0, 300)}`,
      );
    }
    return response;
  }

  /** A refusal says why in the distribution-spec's form ("Error Codes"). */
  async expectError(statuses: readonly number[], path: string, init?: Parameters<Peer["call"]>[1]) {
    const response = await this.expect(statuses, path, init);
    if (init?.method === "HEAD") return;
    const body = (await response.json()) as { errors: { code: string; message?: string }[] };
    expect(body.errors.length).toBeGreaterThan(0);
    for (const { code } of body.errors) expect(code).toMatch(/^[A-Z][A-Z_]+$/);
  }
}

/** Where an answer sends the client on. */
export function locationOf(response: Response): string {
  const location = response.headers.get("location");
  if (!location) throw new Error(`${response.url} gave no Location`);
  return location;
}

/** A digest header may be left out by some registries, but must not be another one. */
export function expectDigest(response: Response, digest: string): void {
  expect(response.headers.get("docker-content-digest")).toBe(digest);
}
