import { describe, expect, test } from "bun:test";
import type { StrakeEvent } from "../../events/index.ts";
import type { Descriptor, Digest, Manifest } from "../../oci/index.ts";
import { encodeIndex, encodeManifest, mediaTypes, sha256 } from "../../oci/index.ts";
import { copyImage } from "./copy.ts";
import { failure, impatient, readAll, serve } from "./fake-registry.test-support.ts";
import { deleteReferrer, putReferrer } from "./referrers.ts";
import type { Repository } from "./repository.ts";

/** A registry in memory that knows no referrers, as docker-registry 2 does not, or does. */
async function registry({ knowsReferrers = false } = {}) {
  const manifests = new Map<string, { readonly type: string; readonly body: Buffer }>();
  const server = await serve(async (request, response) => {
    const [, kind, name = ""] = /^\/v2\/a\/(manifests|blobs|referrers)\/(.*)$/.exec(request.url!) ?? [];
    if (kind === "blobs") return void response.writeHead(200, { "content-length": 2 }).end();
    if (kind === "referrers") {
      if (!knowsReferrers) return void response.writeHead(404).end();
      return void response.end('{"schemaVersion":2,"manifests":[]}');
    }
    if (request.method === "PUT") {
      const body = await readAll(request);
      const type = request.headers["content-type"]!;
      for (const each of [name, sha256(body)]) manifests.set(each, { type, body });
      const { subject } = JSON.parse(body.toString()) as { subject?: Descriptor };
      const handled = knowsReferrers && subject ? { "oci-subject": subject.digest } : {};
      return void response.writeHead(201, handled).end();
    }
    if (request.method === "DELETE") return void response.writeHead(manifests.delete(name) ? 202 : 404).end();
    const found = manifests.get(name);
    if (!found) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": found.type }).end(found.body);
  });
  const client = await impatient(server.host);
  return {
    repository: client.repository("a"),
    names: () => [...manifests.keys()].filter((name) => !name.startsWith("sha256:")).sort(),
    [Symbol.dispose]() {
      client.close();
      server[Symbol.dispose]();
    },
  };
}

const blob = { digest: sha256("{}"), size: 2 };
const config = { mediaType: mediaTypes.ociEmpty, ...blob };
const layerOf = (note: string) => ({ mediaType: "text/plain", ...blob, annotations: { signature: note } });

async function put(repository: Repository, reference: string, more: Partial<Manifest> = {}) {
  const mediaType = mediaTypes.ociManifest;
  const raw = encodeManifest({ schemaVersion: 2, mediaType, config, layers: [], ...more });
  const digest = sha256(raw);
  await repository.putManifest(reference || digest, { raw, mediaType });
  return { mediaType, digest, size: raw.byteLength };
}

const tagOf = (digest: Digest, kind: string) => `${digest.replace(":", "-")}${kind}`;

describe("a copy with what refers to the image", () => {
  test("is found where no registry lists referrers, all of them", async () => {
    using from = await registry();
    using to = await registry();
    const subject = await put(from.repository, "1");
    const notes = [];
    for (const artifactType of ["text/a", "text/b"])
      notes.push({
        ...(await put(from.repository, "", { artifactType, subject, annotations: { artifactType } })),
        ...{ artifactType, annotations: { artifactType } },
      });
    const index = encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: notes });
    await from.repository.putManifest(tagOf(subject.digest, ""), {
      raw: index,
      mediaType: mediaTypes.ociIndex,
    });
    const source = { place: from.repository, reference: "1" };
    for (let time = 0; time < 2; time++)
      await copyImage(source, { place: to.repository, reference: "1" }, { referrers: true });
    expect(await to.repository.referrers(subject.digest)).toEqual(notes);
    expect(to.names()).toEqual(["1", tagOf(subject.digest, "")]);

    // Deleted by somebody who did not keep the tag.
    using other = await registry();
    await from.repository.deleteManifest(notes[0]!.digest);
    const warnings: string[] = [];
    const emit = (event: StrakeEvent) => void (event.type === "warning" && warnings.push(event.message));
    await copyImage(source, { place: other.repository, reference: "1" }, { referrers: true, emit });
    expect(await other.repository.referrers(subject.digest)).toEqual([notes[1]!]);
    expect(warnings).toEqual([
      expect.stringContaining(`lists the referrer ${notes[0]!.digest}, which is not there`),
    ]);
  });

  test("leaves the referrers tag alone where the registry lists them", async () => {
    using from = await registry();
    using to = await registry({ knowsReferrers: true });
    const subject = await put(from.repository, "1");
    await put(from.repository, "note", { subject });
    await copyImage(
      { place: from.repository, reference: "note" },
      { place: to.repository, reference: "note" },
    );
    expect(to.names()).toEqual(["note"]);
  });

  test("has what cosign keeps under tags, of the index and its parts, without what refers to that", async () => {
    using from = await registry({ knowsReferrers: true });
    using to = await registry({ knowsReferrers: true });
    const part = await put(from.repository, "");
    const mediaType = mediaTypes.ociIndex;
    const raw = encodeIndex({ schemaVersion: 2, mediaType, manifests: [part] });
    await from.repository.putManifest("1", { raw, mediaType });
    const tags = [tagOf(sha256(raw), ".sig"), tagOf(sha256(raw), ".att"), tagOf(part.digest, ".sbom")];
    for (const tag of tags) await put(from.repository, tag, { annotations: { tag } });
    const source = { place: from.repository, reference: "1" };
    await copyImage(source, { place: to.repository, reference: "1" });
    expect(to.names()).toEqual(["1"]);
    await copyImage(source, { place: to.repository, reference: "1" }, { referrers: true });
    expect(to.names()).toEqual(["1", ...tags].sort());
  });

  test("takes no signature away that only the target has, and says so", async () => {
    using from = await registry();
    using to = await registry();
    const { digest } = await put(from.repository, "1");
    const tag = tagOf(digest, ".sig");
    const warnings: string[] = [];
    const copy = () =>
      copyImage(
        { place: from.repository, reference: "1" },
        { place: to.repository, reference: "1" },
        { referrers: true, emit: (event) => void (event.type === "warning" && warnings.push(event.message)) },
      );
    const there = async () => {
      const { value } = await to.repository.getManifest(tag);
      return (value as Manifest).layers.map(({ annotations }) => annotations?.signature);
    };
    await put(from.repository, tag, { layers: [layerOf("x")] });
    await copy();
    await put(from.repository, tag, { layers: [layerOf("x"), layerOf("y")] });
    await copy();
    expect(await there()).toEqual(["x", "y"]);
    expect(warnings).toEqual([]);
    await put(to.repository, tag, { layers: [layerOf("x"), layerOf("z")] });
    await copy();
    expect(await there()).toEqual(["x", "z"]);
    expect(warnings).toEqual([expect.stringContaining(`${tag} was not copied: `)]);
  });
});

test("what is deleted leaves the referrers tag of its subject", async () => {
  using place = await registry();
  const { repository } = place;
  const subject = await put(repository, "1");
  const notes: Digest[] = [];
  for (const artifactType of ["text/a", "text/b"]) {
    const { digest } = await put(repository, "", { artifactType, subject });
    await putReferrer(repository, await repository.getManifest(digest));
    notes.push(digest);
  }
  const listed = async () => (await repository.referrers(subject.digest)).map(({ digest }) => digest);
  expect(await listed()).toEqual(notes);
  await deleteReferrer(repository, notes[0]!);
  expect(await listed()).toEqual([notes[1]!]);
  await deleteReferrer(repository, notes[1]!);
  expect(await listed()).toEqual([]);
  expect((await failure(deleteReferrer(repository, notes[1]!))).code).toBe("REGISTRY_NOT_FOUND");
  await deleteReferrer(repository, subject.digest);
});
