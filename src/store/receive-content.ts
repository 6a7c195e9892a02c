import { fsyncSync } from "node:fs";
import { isInterruption, StrakeError, throwIfAborted } from "../errors/index.ts";
import { createDigester, type Digest, digestAlgorithm } from "../oci/index.ts";
import { Collections, readFrom, type Temporary, writeAll } from "../sys/index.ts";

export interface ReceiveOptions {
  /** The bytes from an offset on. */
  readonly open: (start: number) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** The error for bytes that are not what was promised. */
  readonly mismatch: (found: { readonly digest: Digest; readonly size: number }) => StrakeError;
  readonly signal?: AbortSignal;
  /** Bytes that are there so far. */
  readonly onProgress?: (bytes: number) => void;
  /** Told, before each attempt, how many bytes were there before it. */
  readonly onResumed?: (bytes: number) => void;
}

/**
 * Writes content of a known digest to a temporary file, behind what is there of it: that is read again, for the digest, and only what follows is
 * asked for. Had it been damaged meanwhile all is asked for once more. On disk when it resolves. When the way fails the file is suspended.
 */
export async function receiveContent(
  temporary: Temporary,
  content: { readonly digest: Digest; readonly size: number },
  options: ReceiveOptions,
): Promise<void> {
  for (;;) {
    if (temporary.size > content.size) temporary.clear();
    const start = temporary.size;
    options.onResumed?.(start);
    try {
      return await receiveBehind(temporary, start, { content, options });
    } catch (error) {
      const isDamaged = error instanceof StrakeError && !isInterruption(error) && error.class === "data-loss";
      if (start === 0 || !isDamaged) {
        if (isInterruption(error) || (start > 0 && isOfSource(error))) temporary.suspend();
        throw error;
      }
      temporary.clear();
    }
  }
}

/** Of what was there before a full or failing disk is a reason to be rid, and not a login that has ended. */
function isOfSource(error: unknown): boolean {
  return error instanceof StrakeError && error.class !== "exhausted" && !error.code.startsWith("SYS_");
}

interface Receiving {
  readonly content: { readonly digest: Digest; readonly size: number };
  readonly options: ReceiveOptions;
}

async function receiveBehind(
  { fd }: Temporary,
  start: number,
  { content, options }: Receiving,
): Promise<void> {
  const digester = createDigester(digestAlgorithm(content.digest));
  const collections = Collections.ofBytes();
  let size = 0;
  const take = (chunk: Uint8Array) => {
    throwIfAborted(options.signal);
    digester.update(chunk);
    size += chunk.byteLength;
    collections.passed(chunk.byteLength);
  };
  for await (const chunk of readFrom(fd, 0, start)) {
    take(chunk);
    options.onProgress?.(size);
  }
  for await (const chunk of options.open(start)) {
    take(chunk);
    if (size > content.size) break;
    writeAll(fd, chunk);
    options.onProgress?.(size);
  }
  const digest = digester.digest();
  if (size !== content.size || digest !== content.digest) throw options.mismatch({ digest, size });
  fsyncSync(fd);
}
