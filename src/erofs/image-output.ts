/** Bytes of an image held at once; one inode with more than this is held whole. */
const windowSize = 128 * 1024;

/**
 * An image on its way out, from its first byte to its last: whoever writes asks for a place in the window, and what lies before it is
 * handed on when the window is full. So the index of a million files takes no more memory than that of one.
 */
export class ImageOutput {
  readonly #write: (bytes: Uint8Array) => void;
  /** The window, zero where nothing was written. It may be another one after each `reserve`, as `view` may. */
  bytes = new Uint8Array(windowSize);
  view = new DataView(this.bytes.buffer);
  /** Offset in the image of the window's first byte. */
  #start = 0;

  /** `write` gets the image piece by piece; the bytes are good until it returns. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** Where in `bytes` the `length` bytes go that stand at `offset` of the image. Nothing before `offset` can be reached afterwards. */
  reserve(offset: number, length: number): number {
    if (offset + length > this.#start + this.bytes.length) {
      this.#moveTo(offset);
      if (length > this.bytes.length) {
        this.bytes = new Uint8Array(length);
        this.view = new DataView(this.bytes.buffer);
      }
    }
    return offset - this.#start;
  }

  /** Hands on everything up to the image's end. */
  finish(size: number): void {
    this.#moveTo(size);
  }

  #moveTo(offset: number): void {
    while (this.#start < offset) {
      const length = Math.min(offset - this.#start, this.bytes.length);
      this.#write(this.bytes.subarray(0, length));
      this.bytes.fill(0);
      this.#start += length;
    }
  }
}
