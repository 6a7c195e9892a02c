import { mediaTypes } from "../../../../oci/index.ts";
import { Content, type Described } from "./content.ts";
import { digestOf, randomContent } from "./peer.ts";

const example = "application/vnd.example.check.v1";
const another = "application/vnd.example.check.v2";
const note = (text = crypto.randomUUID()) => ({ "com.example.note": text });

/** An artifact: no image, and its config is none. */
function artifact(content: Content, artifactType: string, more: Parameters<Content["image"]>[0] = {}) {
  const layers = [content.blob(randomContent(), artifactType)];
  return content.image({ artifactType, config: content.empty(), layers, ...more });
}

const withData = (content: Content, described: Described): Described => ({
  ...described,
  data: Buffer.from(content.blobs.get(described.digest)!).toString("base64"),
});

const strange = (described: Described, value: unknown = null): Described => ({
  ...described,
  strange: value,
});

const pair = (content: Content) => [content.image(), content.image()];

/** What people push, and what they may push besides (image-spec; distribution-spec, "Pushing Manifests"). */
export const contents: Readonly<Record<string, () => Content>> = {
  "an image": () => build((c) => c.image({ tag: "image" })),
  "an image whose layers are not compressed": () =>
    build((c) => c.image({ tag: "plain", layers: [c.layer(false), c.layer(false)] })),
  "a manifest of almost 4 MiB": () => {
    const annotations = Object.fromEntries(
      Array.from({ length: 390 }, (_, i) => [`com.example.large-${i}`, "A".repeat(10_000)]),
    );
    return build((c) => c.image({ tag: "large", annotations }));
  },
  "an index": () => build((c) => c.index(pair(c), { tag: "index" })),
  "an index of indexes": () =>
    build((c) => c.index([c.index(pair(c)), c.index(pair(c))], { tag: "nested", bare: true })),
  "an empty index": () => build((c) => c.index([], { tag: "empty", annotations: note() })),
  "an artifact": () => build((c) => artifact(c, example, { tag: "artifact" })),
  "an index of artifacts": () =>
    build((c) => {
      const entries = [artifact(c, example), artifact(c, example)];
      c.index(entries, { tag: "artifacts", artifactType: example });
    }),
  "an artifact without content": () =>
    build((c) => artifact(c, example, { tag: "hollow", layers: [c.empty()], annotations: note() })),
  "artifacts about an image": () =>
    build((c) => {
      const subject = c.image({ tag: "subject" });
      c.image({ subject });
      artifact(c, example, { subject, tag: "about-1", annotations: note() });
      artifact(c, another, { subject, tag: "about-2", annotations: note() });
    }),
  "an index about an index": () =>
    build((c) => {
      const subject = c.index(pair(c), { tag: "subject" });
      const entries = [1, 2].map(() => artifact(c, example, { subject, annotations: note() }));
      c.index(entries, { subject, artifactType: example, annotations: note(), tag: "about" });
    }),
  "an artifact about what is not there": () =>
    build((c) => {
      const digest = digestOf(randomContent());
      const subject = { mediaType: mediaTypes.ociManifest, digest, size: 123 };
      artifact(c, example, { subject, tag: "about", annotations: note() });
    }),
  "artifacts about an image, whose type is their config's": () =>
    build((c) => {
      const subject = c.image({ tag: "subject" });
      for (const type of [example, another]) {
        const config = c.blob(randomContent(), type);
        c.image({ subject, config, layers: [c.empty()], annotations: note() });
      }
    }),
  "descriptors that hold their data": () =>
    build((c) => {
      const layers = [withData(c, c.layer()), withData(c, c.layer())];
      c.image({ tag: "data", config: withData(c, c.config()), layers });
    }),
  "layers that are not distributed": () =>
    build((c) => {
      const elsewhere = (mediaType: string) => {
        const digest = digestOf(randomContent());
        return { mediaType, digest, size: 12_345, urls: [`https://store.example/${digest}`] };
      };
      const foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar";
      c.image({ tag: "foreign", layers: [elsewhere(`${foreign}+gzip`), elsewhere(foreign), c.layer()] });
    }),
  "members that nobody specified": () =>
    build((c) => {
      const extra = { "com.example.unknown": crypto.randomUUID() };
      c.index([c.image({ extra }), c.image({ extra })], { tag: "unknown", extra });
    }),
  "members of descriptors that nobody specified, null among them": () =>
    build((c) => {
      const config = strange(withData(c, c.config()), "aGVsbG8=");
      const image = c.image({ config, layers: [strange(c.layer())], indented: true });
      c.index([strange(image)], { tag: "strange", indented: true });
    }),
  "an index about an image, with such members in its subject": () =>
    build((c) => {
      const about = { subject: strange(c.image({ tag: "subject" })), annotations: note(), indented: true };
      const entry = artifact(c, example, { ...about, layers: [strange(c.empty())] });
      c.index([strange(entry)], { ...about, artifactType: another });
    }),
  "an image and an index that do not say their own media type": () =>
    build((c) => {
      const image = c.image({ tag: "untyped", untyped: true });
      c.index([image, c.image({ untyped: true, layers: [] })], { tag: "untyped-index", untyped: true });
    }),
  "an image without layers": () => build((c) => c.image({ tag: "no-layers", layers: [] })),
  "everything in sha512": () => build((c) => c.index(pair(c)), "sha512"),
};

/** What a registry may take or refuse: one that takes it has to give it back. */
export const sparseContents: Readonly<Record<string, () => Content>> = {
  "an image whose layer is not here": () =>
    build((c) => {
      const absent = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf(randomContent()), size: 1024 };
      c.image({ tag: "sparse-image", layers: [absent, c.layer()] });
    }),
  "an index whose image is not here": () =>
    build((c) => {
      const absent = { mediaType: mediaTypes.ociManifest, digest: digestOf(randomContent()), size: 1024 };
      c.index([c.image(), absent], { tag: "sparse-index" });
    }),
};

function build(fill: (content: Content) => unknown, algorithm?: "sha512"): Content {
  const content = new Content(algorithm);
  fill(content);
  return content;
}
