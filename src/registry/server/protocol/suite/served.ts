import { expect } from "bun:test";
import { createHash } from "node:crypto";
import { mediaTypes } from "../../../../oci/index.ts";
import type { Registry } from "../../server.ts";

export const digestOf = (content: string | Uint8Array, algorithm = "sha256") =>
  `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;

let counter = 0;
/** Content nobody pushed before. */
export const fresh = (size = 100) => `${counter++}`.padEnd(size, "x");

/** A registry of ours that is being asked, and the requests every subject makes. */
export class Served {
  registry!: Registry;

  get port(): number {
    return this.registry.port;
  }

  readonly call = (path: string, init: RequestInit = {}) => fetch(new URL(path, this.registry.url), init);

  readonly expectCode = async (response: Response, status: number, expected: string) => {
    const { errors } = (await response.json()) as { errors: { code: string }[] };
    expect([response.status, errors[0]!.code]).toEqual([status, expected]);
  };

  readonly begin = async (repository: string, query = "") => {
    const response = await this.call(`/v2/${repository}/blobs/uploads/${query}`, { method: "POST" });
    expect(response.status).toBe(202);
    return response.headers.get("location")!;
  };

  readonly pushBlob = async (repository: string, content: string | Uint8Array, algorithm = "sha256") => {
    const digest = digestOf(content, algorithm);
    const response = await this.call(`/v2/${repository}/blobs/uploads/?digest=${digest}`, {
      method: "POST",
      body: content as string,
    });
    expect(response.status).toBe(201);
    return { mediaType: mediaTypes.ociLayer, digest, size: Buffer.byteLength(content) };
  };

  readonly imageOf = async (repository: string, extra: object = {}) => {
    const config = { ...(await this.pushBlob(repository, fresh())), mediaType: mediaTypes.ociConfig };
    const layers = [await this.pushBlob(repository, fresh())];
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers, ...extra };
    // Bytes that no encoder would produce: what comes back has to be these and no others.
    return JSON.stringify(document, null, 3);
  };

  readonly putManifest = (
    repository: string,
    reference: string,
    body: string,
    type: string = mediaTypes.ociManifest,
  ) =>
    this.call(`/v2/${repository}/manifests/${reference}`, {
      method: "PUT",
      body,
      headers: { "Content-Type": type },
    });

  readonly pushImage = async (repository: string, reference?: string, extra: object = {}) => {
    const body = await this.imageOf(repository, extra);
    const digest = digestOf(body);
    const response = await this.putManifest(repository, reference ?? digest, body);
    expect(response.status).toBe(201);
    return { body, digest, response };
  };
}
