import { closeSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { StrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing } from "../../events/index.ts";
import {
  type Descriptor,
  type Digest,
  digestHex,
  mediaTypes,
  parseReference,
  withDefaultTag,
} from "../../oci/index.ts";
import {
  type ImageSource,
  Remote,
  type RemoteOptions,
  titleAnnotation,
  verified,
} from "../../registry/client/index.ts";
import { randomHex } from "../../sys/index.ts";
import { asStep } from "../registry/progress.ts";

export interface FetchRequest extends RemoteOptions {
  readonly name: string;
  /** Made when it is not there. */
  readonly folder: string;
  /** Replace files that are there. */
  readonly force?: boolean;
  readonly emit?: Emit;
}

export interface FetchedArtifact {
  readonly digest: Digest;
  readonly artifactType: string;
  /** Paths of the files, in the artifact's order. */
  readonly files: readonly string[];
}

/**
 * Fetches the files of an artifact into a folder, under the names the artifact gives them; one without a name is called by its digest. A
 * name leads nowhere outside the folder, not through a link either, and a file has its name when it is complete.
 * Errors: REGISTRY_*, ARTIFACT_INVALID, USAGE.
 */
export async function fetchArtifact(request: FetchRequest): Promise<FetchedArtifact> {
  const reference = withDefaultTag(parseReference(request.name));
  const call = request.signal ? { signal: request.signal } : {};
  using remote = new Remote(request);
  return await remote.read(reference, async (place) => {
    const document = await place.getManifest(reference.digest ?? reference.tag!, call);
    if (document.kind === "index")
      throw new StrakeError("ARTIFACT_INVALID", `${request.name} is an index of several manifests`, {
        hint: "name one of them by its digest; strake manifest inspect lists them",
      });
    const { value, digest } = document;
    const files = value.layers.filter((layer) => layer.mediaType !== mediaTypes.ociEmpty);
    const names = files.map(nameOf);
    const twice = names.find(
      (name, i) => names.indexOf(name) !== i || names.some((other) => other.startsWith(`${name}/`)),
    );
    if (twice !== undefined)
      throw new StrakeError(
        "ARTIFACT_INVALID",
        `${request.name} has two files that want to be ${JSON.stringify(twice)}`,
      );
    const targets = names.map((name) => targetIn(resolve(request.folder), name, request.force === true));
    for (const [i, file] of files.entries()) await fetchFile(place, file, { path: targets[i]!, request });
    return { digest, artifactType: value.artifactType ?? value.config.mediaType, files: targets };
  });
}

/** Errors: ARTIFACT_INVALID for a name that is no plain relative path. */
function nameOf({ annotations, digest }: Descriptor): string {
  const name = annotations?.[titleAnnotation] ?? digestHex(digest);
  const parts = name.split("/");
  const isPlain = parts.every((part) => part !== "" && part !== "." && part !== ".." && !/[\0\\]/.test(part));
  if (isPlain && name.length <= 1024) return name;
  throw new StrakeError(
    "ARTIFACT_INVALID",
    `a file of the artifact is named ${JSON.stringify(name.slice(0, 200))}`,
    {
      hint: "that is no plain relative path; nothing was written",
    },
  );
}

/** The path for a file, its folders made. Errors: ARTIFACT_INVALID when a link is in the way, USAGE when the file is there. */
function targetIn(folder: string, name: string, force: boolean): string {
  mkdirSync(folder, { recursive: true });
  const parts = name.split("/");
  let at = folder;
  for (const part of parts.slice(0, -1)) {
    at = join(at, part);
    mkdirSync(at, { recursive: true });
    if (lstatSync(at).isSymbolicLink())
      throw new StrakeError("ARTIFACT_INVALID", `${at} is a symbolic link; nothing is written through it`);
  }
  const path = join(at, parts.at(-1)!);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory() || (there !== undefined && !force))
    throw new StrakeError("USAGE", `${path} exists already`, {
      hint: "choose another folder, or give --force",
    });
  return path;
}

async function fetchFile(
  place: ImageSource,
  file: Descriptor,
  { path, request }: { readonly path: string; readonly request: FetchRequest },
): Promise<void> {
  const { emit = emitNothing, signal } = request;
  const temporary = `${path}.strake-${randomHex(4)}`;
  await asStep(file, { emit, kind: "export", verb: "fetch" }, async (step) => {
    const fd = openSync(temporary, "wx", 0o644);
    try {
      let current = 0;
      for await (const chunk of verified(place.openBlob(file, signal ? { signal } : {}), file, place.name)) {
        for (let done = 0; done < chunk.byteLength; ) done += writeSync(fd, chunk, done);
        current += chunk.byteLength;
        step.progress(current);
      }
      renameSync(temporary, path);
    } finally {
      closeSync(fd);
      rmSync(temporary, { force: true });
    }
  });
}
