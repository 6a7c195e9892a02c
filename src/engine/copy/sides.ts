import { createReadStream, statSync } from "node:fs";
import { loadArchive, OciLayout, packLayout, salvageLayout, unpackLayout } from "../../archive/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Emit } from "../../events/index.ts";
import {
  type Digest,
  formatReference,
  type Platform,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../oci/index.ts";
import { atTarget, type ImageSource, type ImageTarget, type Remote } from "../../registry/client/index.ts";
import type { Image, Store } from "../../store/index.ts";
import { demandNothingAt, withFolderBeside, writeArchiveFile } from "../archive-file.ts";
import { warnOfMirror } from "../registry/mirror-warning.ts";
import { removeImage } from "../remove-image.ts";
import type { Place } from "./transport.ts";

/** What sides are opened with. */
export interface Opening {
  readonly remote: Remote;
  /** Opened when a side needs it. */
  readonly store: () => Promise<Store>;
  readonly platform: Platform | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

/** The image to copy: at a place that gives manifests and blobs, or in the store. */
export type From =
  | { readonly kind: "place"; readonly place: ImageSource; readonly reference: string }
  | { readonly kind: "image"; readonly image: Image };

/** Does `work` with the source; what had to be unpacked or loaded for it is gone afterwards. Mirrors are tried in turn. */
export async function withSource<T>(
  place: Place,
  opening: Opening,
  work: (from: From) => Promise<T>,
): Promise<T> {
  switch (place.kind) {
    case "registry": {
      const reference = withDefaultTag(place.reference);
      return await opening.remote.read(
        reference,
        (repository) =>
          work({ kind: "place", place: repository, reference: reference.digest ?? reference.tag! }),
        warnOfMirror(opening.emit),
      );
    }
    case "store":
      return await work({ kind: "image", image: (await opening.store()).images.find(place.name) });
    case "oci":
      return await work({ kind: "place", place: OciLayout.open(place.path), reference: place.tag });
    case "oci-archive": {
      using scratch = (await opening.store()).scratch();
      await unpackLayout(readArchive(place.path), scratch.path, opening);
      return await work({
        kind: "place",
        place: OciLayout.open(scratch.path, `oci-archive:${place.path}`),
        reference: place.tag,
      });
    }
    case "docker-archive":
      return await withLoaded(place, opening, (image) => work({ kind: "image", image }));
  }
}

/** The bytes of an archive. Errors: USAGE. */
function readArchive(path: string) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new StrakeError("USAGE", `there is no file ${path}`);
  if (stat.isDirectory())
    throw new StrakeError("USAGE", `${path} is a folder, not an archive`, {
      hint: `an OCI layout in a folder is written oci:${path}`,
    });
  return createReadStream(path, { highWaterMark: 1 << 20 });
}

/** A docker-archive has neither manifests nor digests of its own: its image passes through the store. */
async function withLoaded<T>(
  { path, name }: Extract<Place, { kind: "docker-archive" }>,
  { store: open, platform, emit, signal }: Opening,
  work: (image: Image) => Promise<T>,
): Promise<T> {
  const store = await open();
  return await withGuests(store, async (welcome) => {
    const loaded = await loadArchive(store, readArchive(path), {
      ...{ unnamed: true, emit },
      ...(platform ? { platform } : {}),
      ...(signal ? { signal } : {}),
    });
    for (const { image } of loaded) welcome(image);
    const isWanted = choosing(name);
    const fitting = loaded.filter(({ names }, i) => isWanted(names, i));
    if (fitting.length === 1) return await work(fitting[0]!.image);
    const offered = loaded.map(({ names }, i) => [...names.map(formatReference), `@${i}`].join(" = "));
    throw new StrakeError(
      "ARCHIVE_NOT_FOUND",
      name === undefined ? `${path} holds ${loaded.length} images` : `${path} holds no image ${name}`,
      { hint: `choose one with docker-archive:${path}:NAME; it has ${offered.join(", ")}` },
    );
  });
}

/** Which images of an archive are meant: by name, or by its place there as `@0` (containers-transports(5)). Errors: REFERENCE_INVALID. */
function choosing(name: string | undefined): (names: readonly Reference[], index: number) => boolean {
  if (name === undefined) return () => true;
  const place = /^@(\d+)$/.exec(name)?.[1];
  if (place !== undefined) return (_, index) => index === Number(place);
  const wanted = formatReference(withDefaultTag(parseReference(name)));
  return (names) => names.some((each) => formatReference(withDefaultTag(each)) === wanted);
}

/** Does `work`; the images it welcomes leave the store again unless they were there before or somebody named or uses them. */
export async function withGuests<T>(
  store: Store,
  work: (welcome: (image: Image) => void) => Promise<T>,
): Promise<T> {
  const before = new Set(store.images.list().map(({ id }) => id));
  const guests = new Set<Digest>();
  try {
    return await work((image) => guests.add(image.id));
  } finally {
    for (const id of guests) {
      const image = before.has(id) ? undefined : store.images.get(id);
      if (image?.tags.length === 0 && store.images.usedBy(id).length === 0) removeImage(store, id, {});
    }
  }
}

/** Where to: a place that takes manifests and blobs, a name in the store, or a file that is saved. */
export type To =
  | {
      readonly kind: "place";
      readonly place: ImageTarget;
      readonly reference: string;
      /** As a reference, where the place is a repository. */
      readonly name?: Reference;
    }
  | { readonly kind: "store"; readonly reference: Reference }
  | { readonly kind: "docker-archive"; readonly path: string; readonly name: Reference | undefined };

/** Does `work` with the target; an archive has its name only when it is complete. `tag`: of the source, for a target that says none. */
export async function withTarget<T>(
  place: Place,
  opening: Opening & { readonly tag: string | undefined },
  work: (to: To) => Promise<T>,
): Promise<T> {
  switch (place.kind) {
    case "registry": {
      const { tag, digest } = place.reference;
      const reference = tag ?? digest ?? opening.tag ?? "latest";
      const repository = await atTarget(() => opening.remote.repository(place.reference));
      return await work({
        ...{ kind: "place", place: repository, reference },
        name: tag ? place.reference : { ...place.reference, tag: reference },
      });
    }
    case "store":
      return await work({ kind: "store", reference: withDefaultTag(parseReference(place.name)) });
    case "oci":
      return await work({ kind: "place", place: OciLayout.create(place.path), reference: place.tag });
    case "oci-archive": {
      demandNothingAt(place.path);
      return await withFolderBeside(place.path, async (folder) => {
        await salvageLayout(folder, opening);
        const layout = OciLayout.create(folder, `oci-archive:${place.path}`);
        const result = await work({ kind: "place", place: layout, reference: place.tag });
        await writeArchiveFile(place.path, { replace: false }, (sink) =>
          packLayout(folder, layout.digests, { sink, ...opening }),
        );
        return result;
      });
    }
    case "docker-archive": {
      demandNothingAt(place.path);
      const name = place.name === undefined ? undefined : withDefaultTag(parseReference(place.name));
      return await work({ kind: "docker-archive", path: place.path, name });
    }
  }
}
