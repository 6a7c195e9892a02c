import { saveArchive } from "../../archive/index.ts";
import { type Emit, emitNothing, withTotals } from "../../events/index.ts";
import { type Compression, type Digest, parsePlatform } from "../../oci/index.ts";
import { copyImage, type RemoteOptions } from "../../registry/client/index.ts";
import { type Image, Store } from "../../store/index.ts";
import { writeArchiveFile } from "../archive-file.ts";
import { openRemote } from "../registry/open-remote.ts";
import { pullFrom } from "../registry/pull.ts";
import { sendImage } from "../registry/push.ts";
import { namingSides } from "./name-side.ts";
import { rememberingUploads } from "./remember.ts";
import { type From, type Opening, type To, withGuests, withSource, withTarget } from "./sides.ts";
import { type Place, parsePlace } from "./transport.ts";

export interface CopyRequest extends RemoteOptions {
  /**
   * Asked for only when a side is the store or an archive that passes through it; and, if it is given, to note in it how far large blobs for a registry are,
   * so that a copy that was interrupted goes on when it is done again. Default: the user's.
   */
  readonly store?: () => Promise<Store>;
  /** Only the image for this platform. Default: all that is there, indexes byte for byte; for the store and docker-archives this machine's. */
  readonly platform?: string;
  /** With what refers to the image: signatures, attestations. */
  readonly referrers?: boolean;
  /** How layers of the store that were never packed are packed. Default: gzip. */
  readonly compression?: Compression;
  readonly emit?: Emit;
}

export interface CopiedImage {
  /** Of the manifest or index at the target; of the image's configuration where the target has no manifests. */
  readonly digest: Digest;
}

/**
 * Copies an image from place to place; see `parsePlace` for how places are written. Between registries and layouts the bytes stay the
 * same and pass no store. Errors: USAGE, REFERENCE_INVALID, REGISTRY_*, ARCHIVE_*, IMAGE_NOT_FOUND.
 */
export async function copyBetween(from: string, to: string, request: CopyRequest = {}): Promise<CopiedImage> {
  const [source, target] = [parsePlace(from), parsePlace(to)];
  using remote = openRemote(request);
  let own: Store | undefined;
  const store =
    request.store ??
    (async () => {
      own ??= Store.open();
      return own;
    });
  const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
  try {
    const all = () =>
      withTotals("copy", request.emit ?? emitNothing, (emit) => {
        const opening: Opening = { remote, store, signal: request.signal, emit, platform };
        return withSource(source, opening, (origin) =>
          withTarget(target, { ...opening, tag: tagOf(source) }, (goal) =>
            transfer(origin, goal, { opening, request }),
          ),
        );
      });
    if (source.kind !== "registry" || target.kind !== "registry") return await all();
    return await namingSides({ source: source.reference, target: target.reference }, all);
  } finally {
    own?.close();
  }
}

function tagOf(place: Place): string | undefined {
  return place.kind === "registry" ? place.reference.tag : undefined;
}

interface Context {
  readonly opening: Opening;
  readonly request: CopyRequest;
}

async function transfer(from: From, to: To, context: Context): Promise<CopiedImage> {
  if (from.kind === "image") return await send(from.image, to, context);
  const { opening, request } = context;
  const { platform, emit, signal } = opening;
  if (to.kind === "place")
    return await copyImage(from, to, {
      ...(platform === undefined ? {} : { platform }),
      ...(request.referrers ? { referrers: true } : {}),
      ...rememberingUploads(request.store),
      ...(signal ? { signal } : {}),
      emit,
    });
  const store = await opening.store();
  const pull = (reference: Extract<To, { kind: "store" }>["reference"] | undefined) =>
    pullFrom(from.place, from.reference, { store, reference, platform, emit, signal });
  if (to.kind === "store") return { digest: (await pull(to.reference)).digest };
  return await withGuests(store, async (welcome) => {
    const { image } = await pull(undefined);
    welcome(image);
    return await send(image, to, context);
  });
}

/** An image of the store to anywhere. */
async function send(image: Image, to: To, { opening, request }: Context): Promise<CopiedImage> {
  const { emit, signal } = opening;
  const store = await opening.store();
  using lease = store.lease("copy");
  store.images.hold(image.id, lease);
  const options = {
    emit,
    ...(signal ? { signal } : {}),
    ...(request.compression ? { compression: request.compression } : {}),
  };
  switch (to.kind) {
    case "store":
      store.images.tag(to.reference, image.id);
      return { digest: image.id };
    case "docker-archive":
      await writeArchiveFile(to.path, { replace: false }, (sink) =>
        saveArchive(store, [{ image, names: to.name ? [to.name] : [] }], sink, options),
      );
      return { digest: image.id };
    case "place": {
      const { manifest } = await sendImage(store, image, {
        ...{ target: to.place, tag: to.reference, lease },
        ...(to.name ? { reference: to.name } : {}),
        ...options,
      });
      return { digest: manifest.digest };
    }
  }
}
