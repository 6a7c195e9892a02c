import { nearest, StrakeError } from "../../errors/index.ts";
import {
  decodeConfig,
  familiarReference,
  formatPlatform,
  type ImageConfig,
  matchPlatform,
  type Platform,
  parseReference,
} from "../../oci/index.ts";
import type { Image, Lease, Store } from "../../store/index.ts";
import type { BuildOptions } from "../options.ts";

export interface BaseImage {
  readonly image: Image;
  readonly config: ImageConfig;
}

export interface BaseImagesOptions {
  readonly store: Store;
  readonly lease: Lease;
  readonly options: Pick<BuildOptions, "fetchImage" | "alwaysFetch" | "platform">;
  /** Names of the file's stages, for suggestions. */
  readonly stageNames: readonly string[];
  readonly parsePlatform: (platform: string | undefined) => Platform;
}

/** Finds the images that FROM and --from name, each once per build. */
export class BaseImages {
  readonly #options: BaseImagesOptions;
  readonly #found = new Map<string, Promise<BaseImage>>();

  constructor(options: BaseImagesOptions) {
    this.#options = options;
  }

  /** Throws BUILD_BASE_NOT_FOUND, REFERENCE_INVALID. */
  get(reference: string, platform?: string): Promise<BaseImage> {
    const key = `${reference} ${platform ?? ""}`;
    const known = this.#found.get(key);
    if (known) return known;
    const found = this.#find(reference, platform);
    this.#found.set(key, found);
    return found;
  }

  async #find(reference: string, platform: string | undefined): Promise<BaseImage> {
    const { store, lease, options, parsePlatform } = this.#options;
    const demanded = platform ?? options.platform;
    const wanted = parsePlatform(demanded);
    // `FROM cafe` is the image of that name or none, not whichever has an ID that happens to begin so.
    const isShortID = /^[0-9a-f]{1,11}$/.test(reference);
    const stored = isShortID
      ? store.images.byReference(parseReference(reference))
      : store.images.get(reference);
    // Without a word about platforms what is in the store is what is meant.
    const fits = stored && !options.alwaysFetch && (demanded === undefined || matchPlatform(wanted, stored));
    const image = fits ? stored : await this.#fetch(reference, wanted, stored !== undefined);
    if (!image && stored)
      throw new StrakeError(
        "BUILD_BASE_NOT_FOUND",
        `the image ${reference} in the store is for ${formatPlatform(stored)}, not for ${formatPlatform(wanted)}`,
      );
    const isHeld =
      image !== undefined &&
      store.transaction(() => store.images.get(image.id) && store.images.hold(image.id, lease)) !== undefined;
    if (!isHeld) throw this.#notFound(reference);
    return { image, config: decodeConfig(store.blobs.readSync(image.id)).value };
  }

  /** Undefined when images are not fetched, or when the one that is stored, for another platform, says more than the failure. */
  async #fetch(reference: string, wanted: Platform, isStored: boolean): Promise<Image | undefined> {
    const { options, lease } = this.#options;
    try {
      return await options.fetchImage?.(reference, wanted, lease);
    } catch (error) {
      if (!(error instanceof StrakeError) || error.code === "CANCELED" || error.code === "STORE_FULL")
        throw error;
      if (options.alwaysFetch && isStored)
        throw error.with({
          hint: error.hint ?? "leave --pull out to build with the one that is in the store",
        });
      if (isStored) return undefined;
      throw this.#notFound(reference, error);
    }
  }

  #notFound(reference: string, failure?: StrakeError): StrakeError {
    // A name that is no reference at all gets the grammar's own error.
    const name = familiarReference(parseReference(reference));
    const { store, stageNames } = this.#options;
    const tags = store.images
      .list()
      .flatMap(({ tags: list }) =>
        list.map((tag) => familiarReference(parseReference(tag)).replace(/:latest$/, "")),
      );
    const near = nearest(reference, [...stageNames, ...tags]) ?? nearest(name, tags);
    const pulled = failure === undefined ? "" : `, and pulling it failed: ${failure.message}`;
    return new StrakeError("BUILD_BASE_NOT_FOUND", `the image ${name} is not in the store${pulled}`, {
      cause: failure,
      hint:
        near !== undefined
          ? `did you mean ${near}?`
          : "`strake images` lists what is; load, import, pull or bootstrap it first",
    });
  }
}
