import { ByteBudget } from "./byte-budget.ts";
import { Part, partSize } from "./s3-part.ts";

/** A part that S3 has. */
export interface StoredPart {
  readonly etag: string;
  readonly size: number;
}

/**
 * Bytes on their way to the server at once, of all uploads: more would only share the line, and each take so long that its answer seems
 * lost.
 */
const sending = new ByteBudget(8 * partSize);
/** Bytes of parts that are filled while others of their upload are sent: each upload has one part beside these. */
const ahead = new ByteBudget(8 * partSize);
/** Most parts of one upload that are sent while another one is filled. */
const depth = 3;

interface Sent {
  readonly part: Part;
  readonly stored: Promise<StoredPart>;
  isDone: boolean;
}

/** The full parts of one upload on their way, in order. Few uploads have several under way each, many one each. */
export class PartLine {
  readonly #send: (part: Part, number: number) => Promise<StoredPart>;
  readonly #line: Sent[] = [];
  readonly #stored: StoredPart[] = [];
  readonly #before: number;
  /** Parts beside the upload's own. */
  #extra = 0;

  /** `before`: parts that are stored already. `send` puts a part under its number, which is counted from 1. */
  constructor(before: number, send: (part: Part, number: number) => Promise<StoredPart>) {
    this.#before = before;
    this.#send = send;
  }

  /** Nothing was ever given to it. */
  get isUnused(): boolean {
    return this.#line.length === 0 && this.#stored.length === 0;
  }

  /** Takes a part, which is the line's from now on, and gives an empty one, when there is one. Throws why a part could not be stored. */
  async exchange(part: Part): Promise<Part> {
    const number = this.#before + this.#stored.length + this.#line.length + 1;
    const stored = sending.with(part.length, () => this.#send(part, number));
    const sent: Sent = { part, stored, isDone: false };
    this.#line.push(sent);
    stored.then(
      () => {
        sent.isDone = true;
      },
      // Whoever waits for it hears of it.
      () => {},
    );
    const first = this.#line[0]!;
    if (!first.isDone && this.#line.length <= depth && ahead.tryTake(partSize)) {
      this.#extra++;
      return new Part();
    }
    this.#stored.push(await first.stored);
    this.#line.shift();
    first.part.clear();
    return first.part;
  }

  /**
   * Waits for all. Gives those that were stored without a gap; where one failed, its error too and the part, which is the caller's again. What was
   * sent after that one is dropped.
   */
  async settle(): Promise<{ stored: readonly StoredPart[]; failed?: { part: Part; error: unknown } }> {
    let failed: { part: Part; error: unknown } | undefined;
    for (const { part, stored } of this.#line.splice(0)) {
      try {
        const done = await stored;
        if (!failed) this.#stored.push(done);
        part.release();
      } catch (error) {
        if (failed) part.release();
        else failed = { part, error };
      }
    }
    ahead.give(this.#extra * partSize);
    this.#extra = 0;
    return failed ? { stored: this.#stored, failed } : { stored: this.#stored };
  }
}
