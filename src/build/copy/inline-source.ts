import type { CopySource, OpenFile, SourceNode } from "./source.ts";

/** Files given in the Dockerfile itself, each at `/NAME`. */
export class InlineSource implements CopySource {
  readonly #files: ReadonlyMap<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files;
  }

  /** The Dockerfile's text is part of the key anyway. */
  fingerprint(): string {
    return "";
  }

  resolve(path: string): { path: string; node: SourceNode | undefined } {
    const bytes = this.#files.get(path);
    return { path, node: bytes && inlineNode(bytes.length) };
  }

  children(): [] {
    return [];
  }

  readlink(): string {
    return "";
  }

  xattrs(): undefined {
    return undefined;
  }

  open(path: string): OpenFile {
    const bytes = this.#files.get(path)!;
    return {
      size: bytes.length,
      unchanged: true,
      read(target, offset) {
        const part = bytes.subarray(offset, offset + target.length);
        target.set(part);
        return part.length;
      },
      close() {},
    };
  }

  knownDigest(): undefined {
    return undefined;
  }

  learnDigest(): void {}
}

/** Mode 0644 and no time of its own (Dockerfile reference, COPY with heredocs). */
function inlineNode(size: number): SourceNode {
  return { type: "file", mode: 0o644, uid: 0, gid: 0, size, mtime: 0, devmajor: 0, devminor: 0 };
}
