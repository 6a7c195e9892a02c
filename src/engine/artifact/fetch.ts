import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkOptions, type OptionKinds, StrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing, withTotals } from "../../events/index.ts";
import {
  type Descriptor,
  type Digest,
  digestHex,
  mediaTypes,
  parseReference,
  withDefaultTag,
} from "../../oci/index.ts";
import {
  asStep,
  type ImageSource,
  type RemoteOptions,
  remoteOptionKinds,
  titleAnnotation,
} from "../../registry/client/index.ts";
import { receiveContent } from "../../store/index.ts";
import { Folder, openingTarget, sweepTemporaries, Temporary, writingTo } from "../../sys/index.ts";
import { warnOfMirror } from "../registry/mirror-warning.ts";
import { openRemote } from "../registry/open-remote.ts";

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

const requestKinds: OptionKinds<FetchRequest> = {
  ...{ ...remoteOptionKinds, name: "string", folder: "string", force: "boolean?", emit: "function?" },
};

/**
 * Fetches the files of an artifact into a folder, under the names the artifact gives them; one without a name is called by its digest. A
 * name leads nowhere outside the folder, not through a link either, whoever else writes there; a file has its name when it is complete.
 * What came of a large one that was cut short stays beside it, and the next fetch into the folder goes on there.
 * Errors: REGISTRY_*, ARTIFACT_INVALID, USAGE.
 */
export async function fetchArtifact(request: FetchRequest): Promise<FetchedArtifact> {
  checkOptions("fetchArtifact", request, requestKinds);
  return await withTotals("fetch", request.emit ?? emitNothing, (emit) => fetchFiles({ ...request, emit }));
}

type Fetching = FetchRequest & { readonly emit: Emit };

async function fetchFiles(request: Fetching): Promise<FetchedArtifact> {
  const reference = withDefaultTag(parseReference(request.name));
  const call = request.signal ? { signal: request.signal } : {};
  using remote = openRemote(request);
  // A mirror may fail in the middle: what is there then is not there already.
  const fetched = new Map<string, Digest>();
  return await remote.read(
    reference,
    async (place) => {
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
      const folder = resolve(request.folder);
      using root = openingTarget(folder, () => {
        mkdirSync(folder, { recursive: true });
        return Folder.open(folder);
      });
      const targets = names.map((name) => ({ root, folder, name, force: request.force === true }));
      // All are looked at before anything is fetched.
      for (const target of targets) if (!fetched.has(target.name)) demandRoom(target);
      for (const [i, file] of files.entries()) {
        const { name } = targets[i]!;
        if (fetched.get(name) === file.digest) continue;
        const target = { ...targets[i]!, force: targets[i]!.force || fetched.has(name) };
        await fetchFile(place, file, { target, request });
        fetched.set(name, file.digest);
      }
      return {
        ...{ digest, artifactType: value.artifactType ?? value.config.mediaType },
        files: names.map((name) => join(folder, name)),
      };
    },
    warnOfMirror(request.emit),
  );
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

/** Where a file goes. */
interface Target {
  readonly root: Folder;
  /** Path of the root. */
  readonly folder: string;
  readonly name: string;
  readonly force: boolean;
}

/** The folder of a file, made if need be, and its last name. Errors: ARTIFACT_INVALID when a link is in the way. */
function openParent({ root, folder, name }: Target): { parent: Folder; last: string } {
  const parts = name.split("/");
  const last = parts.pop()!;
  const path = parts.join("/") || ".";
  try {
    return { parent: root.folder(path, { make: true }), last };
  } catch (cause) {
    if (!(cause instanceof StrakeError) || cause.code !== "SYS_INVALID") throw cause;
    throw new StrakeError(
      "ARTIFACT_INVALID",
      `${join(folder, path)} is a symbolic link or no folder; nothing is written through it`,
      { cause },
    );
  }
}

/** Errors: ARTIFACT_INVALID when a link is in the way, USAGE when the file is there. */
function demandRoom(target: Target): void {
  const { parent, last } = openParent(target);
  using folder = parent;
  openingTarget(target.folder, () => sweepTemporaries(folder));
  const there = folder.lstat(last);
  if (there?.isDirectory() || (there !== undefined && !target.force)) throw isThere(target);
}

function isThere({ folder, name }: Target, cause?: unknown): StrakeError {
  return new StrakeError("USAGE", `${join(folder, name)} exists already`, {
    hint: "choose another folder, or give --force",
    cause,
  });
}

async function fetchFile(
  place: ImageSource,
  file: Descriptor,
  { target, request }: { readonly target: Target; readonly request: Fetching },
): Promise<void> {
  const { emit, signal } = request;
  await asStep(file, { emit, kind: "transfer", verb: "fetch" }, async (step) => {
    const { parent, last } = openParent(target);
    using folder = parent;
    const { digest, size } = file;
    using temporary = openingTarget(target.folder, () =>
      Temporary.partial(folder, { digits: digestHex(digest), size }),
    );
    await writingTo(join(target.folder, target.name), () =>
      receiveContent(temporary, file, {
        open: (start) => place.openBlob(file, { start, ...(signal ? { signal } : {}) }),
        mismatch: (found) => wrongContent(place, file, found),
        ...{ onProgress: step.progress, onResumed: step.resumed },
        ...(signal ? { signal } : {}),
      }),
    );
    try {
      temporary.place(folder, last, { replace: target.force });
    } catch (error) {
      throw error instanceof StrakeError && error.code === "SYS_EXISTS" ? isThere(target, error) : error;
    }
  });
}

function wrongContent(
  place: ImageSource,
  file: Descriptor,
  found: { readonly digest: Digest; readonly size: number },
): StrakeError {
  return new StrakeError(
    "BLOB_MISMATCH",
    `${place.name} sent ${found.size} bytes with digest ${found.digest} for ${file.digest} of ${file.size} bytes`,
    { hint: "the content was changed or damaged at the registry or on its way" },
  );
}
