import { createHash, randomBytes } from "node:crypto";
import { holds, same } from "./claims.ts";
import { Login } from "./login.ts";

export type Algorithm = "sha256" | "sha512";

export const digestOf = (bytes: Uint8Array | string, algorithm: Algorithm = "sha256") =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;

export type Bytes = Uint8Array<ArrayBuffer>;

export const randomContent = (size = 512): Bytes => new Uint8Array(randomBytes(size));

/** What a check is about: a row of the count. */
export type Subject =
  | "base"
  | "push of blobs"
  | "chunks"
  | "upload sessions"
  | "mount"
  | "pull of blobs"
  | "ranges"
  | "manifests"
  | "content"
  | "tags"
  | "tag parameters"
  | "referrers"
  | "deletion";

/** One thing a registry does or does not do. `run` throws when it does not. */
export interface Check {
  readonly subject: Subject;
  readonly name: string;
  /** Not of distribution-spec 1.1 but of what comes after it. */
  readonly dev?: boolean;
  readonly run: (peer: Peer) => Promise<void>;
}

/** Makes the checks of a subject; where they are asked for each algorithm, its name is before theirs. */
export function checksOf(
  subject: Subject,
  algorithm?: Algorithm,
): (name: string, run: Check["run"], options?: Pick<Check, "dev">) => Check {
  const prefix = algorithm === undefined ? "" : `${algorithm}: `;
  return (name, run, options) => ({ subject, name: prefix + name, run, ...options });
}

/** Where pulls come from when it is not where pushes go: a pull-through cache, and the prefix of the repositories there. */
export interface PulledFrom {
  readonly url: string | URL;
  readonly prefix: string;
}

export type PeerRequest = RequestInit & { readonly query?: Readonly<Record<string, string | string[]>> };

/** Any registry, by its address alone: ours or somebody else's. */
export class Peer {
  readonly url: URL;
  readonly #pulled: { readonly url: URL; readonly prefix: string } | undefined;
  readonly #login: Login | undefined;
  #minimum: Promise<number> | undefined;

  /** A name and password in the address are for the registry, when and as it asks for them. */
  constructor(url: string | URL, pulled?: PulledFrom) {
    const { username, password } = new URL(url);
    const user = { name: decodeURIComponent(username), password: decodeURIComponent(password) };
    this.#login = username === "" ? undefined : new Login(user, new URL(url).origin);
    this.url = new URL(url);
    this.url.username = "";
    this.url.password = "";
    this.#pulled = pulled && { url: new URL(pulled.url), prefix: pulled.prefix };
  }

  /** A repository as lists of it say it is called. */
  nameOf(repository: string): string {
    return this.#pulled ? `${this.#pulled.prefix}/${repository}` : repository;
  }

  /** A request to a path of a repository, or to a Location as a registry gave it. */
  async call(path: string, init: PeerRequest = {}): Promise<Response> {
    const { query = {}, ...rest } = init;
    const url = this.#address(path, init.method ?? "GET");
    for (const [name, values] of Object.entries(query))
      for (const value of [values].flat()) url.searchParams.append(name, value);
    const method = init.method ?? "GET";
    const send = () => {
      const headers = new Headers(rest.headers);
      const authorization = this.#login?.authorization(method, url);
      if (authorization !== undefined) headers.set("Authorization", authorization);
      return fetch(url, { ...rest, headers });
    };
    const response = await send();
    // A stream is sent once.
    if (!this.#login || init.body instanceof ReadableStream) return response;
    return (await this.#login.learn(response, method, url)) ? send() : response;
  }

  #address(path: string, method: string): URL {
    const url = new URL(path, this.url);
    const isPull = (method === "GET" || method === "HEAD") && !url.pathname.includes("/blobs/uploads/");
    if (!this.#pulled || !isPull || url.pathname === "/v2/") return url;
    const { prefix } = this.#pulled;
    return new URL(`${url.pathname.replace("/v2/", `/v2/${prefix}/`)}${url.search}`, this.#pulled.url);
  }

  /** The answer's status has to be one of these; the answer's own words are part of the failure. */
  async expect(statuses: readonly number[], path: string, init?: PeerRequest): Promise<Response> {
    const response = await this.call(path, init);
    if (!statuses.includes(response.status)) {
      const what = `${init?.method ?? "GET"} ${path.slice(0, 120)}`;
      throw new Error(
        `${what}: ${response.status}, not ${statuses.join(" or ")}: ${(await response.text()).slice(0, 300)}`,
      );
    }
    return response;
  }

  /** A refusal says why in the distribution-spec's form ("Error Codes"), with one of these codes if some are given. */
  async expectError(
    statuses: readonly number[],
    path: string,
    init?: PeerRequest,
    codes?: readonly string[],
  ): Promise<void> {
    const response = await this.expect(statuses, path, init);
    if (init?.method === "HEAD") return same("the body of an answer to HEAD", await response.text(), "");
    const text = await response.text();
    let errors: { code: string; message?: string }[] | undefined;
    try {
      ({ errors } = JSON.parse(text) as { errors?: { code: string }[] });
    } catch {}
    if (!Array.isArray(errors) || errors.length === 0)
      throw new Error(`a refusal with ${response.status} names no errors: ${text.slice(0, 200)}`);
    for (const { code } of errors) {
      holds(`an error's code is ${code}`, /^[A-Z][A-Z_]+$/.test(code));
      if (codes) holds(`the error is ${code}, not ${codes.join(" or ")}`, codes.includes(code));
    }
  }

  /** The smallest chunk the registry takes (distribution-spec, OCI-Chunk-Min-Length). */
  chunkMinimum(): Promise<number> {
    this.#minimum ??= (async () => {
      const begun = await this.expect([202], "/v2/checks/blobs/blobs/uploads/", { method: "POST" });
      const text = begun.headers.get("oci-chunk-min-length") ?? "0";
      holds(`OCI-Chunk-Min-Length is ${text}`, /^\d+$/.test(text));
      await this.call(locationOf(begun), { method: "DELETE" });
      return Number(text);
    })();
    return this.#minimum;
  }
}

/** Where an answer sends the client on. */
export function locationOf(response: Response): string {
  const location = response.headers.get("location");
  if (!location) throw new Error(`${response.url} gave no Location`);
  return new URL(location, response.url).href;
}

/** Every answer with content, or about it, says its digest. */
export function expectDigest(response: Response, digest: string): void {
  same("Docker-Content-Digest", response.headers.get("docker-content-digest"), digest);
}

export const bytesOf = async (response: Response): Promise<Bytes> =>
  new Uint8Array(await response.arrayBuffer());
