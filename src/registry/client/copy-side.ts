import { StrakeError } from "../../errors/index.ts";
import { createDigester, type Descriptor, digestAlgorithm } from "../../oci/index.ts";
import type { BlobSource } from "./blob-upload.ts";
import { missingExplained } from "./missing.ts";

/** A copy speaks with two registries at a time: whose fault an error is decides whether another place is asked for the image. */
const ofTarget = new WeakSet<StrakeError>();

/** Whether what failed was the place copied to. */
export function isOfTarget(error: unknown): boolean {
  return error instanceof StrakeError && ofTarget.has(error);
}

/** Does something at the place copied to. `isOurs`: whether an error is of that place, and not of what it was given. */
export async function atTarget<T>(
  work: () => Promise<T>,
  isOurs: (error: StrakeError) => boolean = () => true,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof StrakeError) || thrown.class === "canceled" || !isOurs(thrown)) throw thrown;
    const error = await missingExplained(thrown);
    if (error instanceof StrakeError) ofTarget.add(error);
    throw error;
  }
}

/**
 * A blob of the place copied from, whose bytes are compared with its digest before the last of them go on: a place that sends others is told by its
 * own name, and the target never sees a whole blob of them. Bytes that are read in pieces out of order are not compared: the target does that.
 */
export class WitnessedSource implements BlobSource {
  readonly #blob: Pick<Descriptor, "digest" | "size">;
  readonly #from: string;
  readonly #open: (start: number) => AsyncIterable<Uint8Array>;
  readonly #errors = new WeakSet<object>();
  #digester;
  #at = 0;
  #isWhole = true;

  /** `from`: as messages name the place. `open`: the bytes from an offset on. */
  constructor(
    blob: Pick<Descriptor, "digest" | "size">,
    from: string,
    open: (start: number) => AsyncIterable<Uint8Array>,
  ) {
    this.#blob = blob;
    this.#from = from;
    this.#open = open;
    this.#digester = createDigester(digestAlgorithm(blob.digest));
  }

  async *open(start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (start === 0) {
      this.#digester = createDigester(digestAlgorithm(this.#blob.digest));
      this.#at = 0;
    }
    this.#isWhole = start === this.#at;
    let left = end - start;
    try {
      for await (const chunk of this.#open(start)) {
        const part = chunk.byteLength > left ? chunk.subarray(0, left) : chunk;
        left -= part.byteLength;
        if (this.#isWhole) this.#see(part);
        yield part;
        if (left === 0) return;
      }
    } catch (error) {
      if (error instanceof Error) this.#errors.add(error);
      throw error;
    }
  }

  /** Whether an error of an upload may be the source's: it is what reading threw, or the target's word on bytes that nobody here compared. */
  isBehind(error: StrakeError): boolean {
    return this.#errors.has(error) || (!this.#isWhole && error.message.includes("DIGEST_INVALID"));
  }

  #see(part: Uint8Array): void {
    this.#digester.update(part);
    this.#at += part.byteLength;
    if (this.#at < this.#blob.size) return;
    const digest = this.#digester.digest();
    if (digest === this.#blob.digest) return;
    const { digest: wanted, size } = this.#blob;
    throw new StrakeError(
      "BLOB_MISMATCH",
      `${this.#from} sent ${size} bytes with digest ${digest} for ${wanted} of ${size} bytes`,
      { hint: "the content was changed or damaged at the registry or on its way" },
    );
  }
}
