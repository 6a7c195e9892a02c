import { gzipSync } from "node:zlib";
import { mediaTypes } from "../../../../oci/index.ts";
import { type Algorithm, type Bytes, digestOf, randomContent } from "./peer.ts";

export interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly [name: string]: unknown;
}

export interface ImageOptions {
  readonly layers?: readonly Described[];
  readonly config?: Described;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Described;
  /** Members that no specification names. */
  readonly extra?: object;
  readonly tag?: string;
  /** Without a media type of its own: the Content-Type alone says what it is. */
  readonly untyped?: boolean;
  /** Written for people to read, as some clients do: it is the bytes that have a digest. */
  readonly indented?: boolean;
}

const text = new TextEncoder();

/** Some blobs and the manifests over them, in the order in which they have to be pushed. */
export class Content {
  readonly algorithm: Algorithm;
  readonly blobs = new Map<string, Bytes>();
  readonly manifests: { readonly digest: string; readonly body: string; readonly mediaType: string }[] = [];
  readonly tags = new Map<string, string>();
  /** What the referrers API has to list, by subject. */
  readonly referrers = new Map<string, Described[]>();

  constructor(algorithm: Algorithm = "sha256") {
    this.algorithm = algorithm;
  }

  blob(content: Bytes, mediaType: string): Described {
    const digest = digestOf(content, this.algorithm);
    this.blobs.set(digest, content);
    return { mediaType, digest, size: content.length };
  }

  layer(compressed = true): Described {
    const content = randomContent(1024);
    return compressed
      ? this.blob(new Uint8Array(gzipSync(content)), mediaTypes.ociLayerGzip)
      : this.blob(content, mediaTypes.ociLayer);
  }

  config(extra: object = {}): Described {
    const document = { architecture: "amd64", os: "linux", author: crypto.randomUUID(), ...extra };
    const rootfs = { type: "layers", diff_ids: [] };
    return this.blob(text.encode(JSON.stringify({ ...document, rootfs })), mediaTypes.ociConfig);
  }

  /** The blob `{}`, which stands for a config or a layer that an artifact does not have. */
  empty(): Described {
    return this.blob(text.encode("{}"), "application/vnd.oci.empty.v1+json");
  }

  image(options: ImageOptions = {}): Described {
    const { extra, tag, subject, untyped, indented, ...given } = options;
    const { config = this.config(extra), layers = [this.layer(), this.layer()], ...rest } = given;
    const artifactType = options.artifactType ?? config.mediaType;
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, ...rest, config, layers };
    return this.#manifest({ ...document, ...extra, subject }, { tag, artifactType, untyped, indented });
  }

  /** An index of images, each for another platform; `bare`: the entries say none. */
  index(
    manifests: readonly Described[],
    options: Omit<ImageOptions, "layers" | "config"> & { readonly bare?: boolean } = {},
  ): Described {
    const { extra, tag, subject, untyped, indented, bare, ...rest } = options;
    const architectures = ["amd64", "arm64"];
    const entries = manifests.map((entry, i) => ({
      ...{ ...entry, platform: { os: "linux", architecture: architectures[i % 2] } },
    }));
    const listed = { manifests: bare ? manifests : entries };
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, ...rest, ...listed };
    const { artifactType } = options;
    return this.#manifest({ ...document, ...extra, subject }, { tag, artifactType, untyped, indented });
  }

  #manifest(
    document: { mediaType: string; subject?: Described; annotations?: object },
    {
      tag,
      artifactType,
      untyped,
      indented,
    }: Pick<ImageOptions, "tag" | "artifactType" | "untyped" | "indented">,
  ): Described {
    const { mediaType, subject, annotations } = document;
    const written = untyped ? { ...document, mediaType: undefined } : document;
    const body = JSON.stringify(written, undefined, indented ? "\t" : undefined);
    const digest = digestOf(body, this.algorithm);
    this.manifests.push({ digest, body, mediaType });
    if (tag !== undefined) this.tags.set(tag, digest);
    const described = { mediaType, digest, size: Buffer.byteLength(body) };
    if (subject) {
      const listed = {
        ...described,
        ...(artifactType ? { artifactType } : {}),
        ...(annotations ? { annotations } : {}),
      };
      this.referrers.set(subject.digest, [...(this.referrers.get(subject.digest) ?? []), listed]);
    }
    return described;
  }
}
