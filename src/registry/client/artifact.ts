import { checkOptions } from "../../errors/index.ts";
import type { Emit } from "../../events/index.ts";
import {
  type Descriptor,
  decodeManifestOrIndex,
  encodeManifest,
  type Manifest,
  mediaTypes,
  sha256,
} from "../../oci/index.ts";
import { type BlobSource, smallBlob } from "./blob-upload.ts";
import type { CopyOptions } from "./copy.ts";
import { putReferrer } from "./referrers.ts";
import type { Repository } from "./repository.ts";
import { asStep } from "./step.ts";

/** A file of an artifact: its bytes, and what they are. */
export interface ArtifactFile extends BlobSource, Pick<Descriptor, "mediaType" | "digest" | "size"> {
  /** What it is called where it is fetched. */
  readonly name?: string;
}

/** Files that are no image (image-spec manifest.md, "Guidelines for Artifact Usage"). */
export interface Artifact {
  readonly artifactType: string;
  /** What it is about: a signature's image. */
  readonly subject?: Pick<Descriptor, "mediaType" | "digest" | "size">;
  readonly files: readonly ArtifactFile[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Where the name of a file stands; oras and others use the same. */
export const titleAnnotation = "org.opencontainers.image.title";

/**
 * Sends an artifact, under a tag or, about a subject, as a referrer of that. What is there already is not sent. Each file is a step. Gives its descriptor.
 * Errors: REGISTRY_*.
 */
export async function pushArtifact(
  repository: Repository,
  artifact: Artifact,
  {
    tag,
    remember,
    emit,
    ...call
  }: { readonly tag?: string; readonly signal?: AbortSignal; readonly emit?: Emit } & Pick<
    CopyOptions,
    "remember"
  > = {},
): Promise<Descriptor> {
  checkOptions<Pick<Artifact, "files">>("an artifact", artifact, { files: "array" });
  const files = artifact.files.length > 0 ? artifact.files : [emptyFile];
  for (const file of new Map([emptyFile, ...files].map((each) => [each.digest, each])).values()) {
    await asStep(file, { emit, kind: "transfer", verb: "push" }, async (step) => {
      if ((await repository.headBlob(file.digest, { forPush: true, ...call })) !== undefined)
        return step.skipped("already there");
      using memory = file.size > smallBlob ? await remember?.(repository, file.digest) : undefined;
      const told = { onProgress: step.progress, onContinue: step.resumed };
      await repository.uploadBlob(file, file, { ...call, ...told, memory });
    });
  }
  const { artifactType, subject, annotations } = artifact;
  const manifest: Manifest = {
    ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest, artifactType },
    config: descriptorOf(emptyFile),
    layers: files.map(descriptorOf),
    ...(subject ? { subject: plain(subject) } : {}),
    ...(annotations ? { annotations } : {}),
  };
  const document = decodeManifestOrIndex(encodeManifest(manifest), mediaTypes.ociManifest);
  const descriptor = await putReferrer(repository, document, call);
  if (tag !== undefined) await repository.putManifest(tag, document, call);
  return descriptor;
}

const empty = new TextEncoder().encode("{}");

/** The config of every artifact, and the content of one without files. */
const emptyFile: ArtifactFile = {
  mediaType: mediaTypes.ociEmpty,
  digest: sha256(empty),
  size: empty.byteLength,
  open: (start, end) => [empty.subarray(start, end)],
};

function descriptorOf({ name, ...file }: ArtifactFile): Descriptor {
  return { ...plain(file), ...(name === undefined ? {} : { annotations: { [titleAnnotation]: name } }) };
}

function plain({ mediaType, digest, size }: Pick<Descriptor, "mediaType" | "digest" | "size">): Descriptor {
  return { mediaType, digest, size };
}
