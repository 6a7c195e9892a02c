import { StrakeError } from "../../errors/index.ts";
import { createDigester, type Descriptor, digestAlgorithm } from "../../oci/index.ts";
import { answerError } from "./answer-error.ts";
import { isRefusedElsewhere, refusedElsewhere } from "./elsewhere.ts";
import type { HttpRequest, HttpResponse, Send } from "./http/message.ts";
import { isPassing, pause, type RetryOptions, rest } from "./http/retry.ts";

export interface DownloadOptions extends RetryOptions {
  /** Offset of the first byte that is wanted. */
  readonly start?: number;
  readonly signal?: AbortSignal;
  /** Told when a broken download goes on, with the bytes that had come. */
  readonly onResume?: (offset: number, reason: StrakeError) => void;
}

type Blob = Pick<Descriptor, "digest" | "size">;

/** A blob of which only the digest was known. Its body has to be read, or left early. */
export interface OpenedBlob {
  /** Bytes of the whole blob, where the registry says so. */
  readonly size: number | undefined;
  /** Offset of the body's first byte: what was asked for, or 0 where the registry cannot begin there. */
  readonly start: number;
  readonly body: AsyncGenerator<Uint8Array, void, undefined>;
}

/**
 * Begins to download a blob of unknown size with one request, from `start` on if the registry can. Goes on where it broke if the registry said the size.
 * Neither digest nor size are anybody's but the registry's word.
 */
export async function openDownload(
  send: Send,
  request: HttpRequest,
  { digest, start = 0, ...options }: Pick<Descriptor, "digest"> & DownloadOptions,
): Promise<OpenedBlob> {
  const response = await send(start > 0 ? from(request, start) : request);
  if (
    start > 0 &&
    (response.status === 416 || response.status === 206) &&
    !(sizeOf(response, start)! > start)
  ) {
    response.discard();
    return await openDownload(send, request, { digest, ...options });
  }
  if (response.status !== 200 && (start === 0 || response.status !== 206))
    throw await answerError(response, `blob ${digest}`);
  const size = sizeOf(response, start);
  if (size === undefined) return { size, start: 0, body: wholeBody(response) };
  const offset = start < size ? start : 0;
  return {
    ...{ size, start: offset },
    body: download(send, request, { digest, size }, { ...options, start: offset, response }),
  };
}

/** How long the blob is, as the answer has it; undefined when it does not say, or is about another range than asked for. */
function sizeOf(response: HttpResponse, start: number): number | undefined {
  const { status, headers } = response;
  if (status === 416 || (status === 206 && !isFrom(response, start))) return undefined;
  const length = Number(headers["content-length"] ?? Number.NaN) + (status === 206 ? start : 0);
  return Number.isSafeInteger(length) && length >= 0 ? length : undefined;
}

function from(request: HttpRequest, offset: number): HttpRequest {
  return { ...request, headers: { ...request.headers, range: `bytes=${offset}-` } };
}

async function* wholeBody(response: HttpResponse): AsyncGenerator<Uint8Array, void, undefined> {
  yield* response.body;
}

/**
 * The bytes of a blob, exactly `size`; a download that breaks goes on where it was (Range), as long as each attempt brings
 * something. The digest is not looked at here: see `verified`.
 */
export async function* download(
  send: Send,
  request: HttpRequest,
  blob: Blob,
  options: DownloadOptions & { readonly response?: HttpResponse } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const attempts = options.attempts ?? 5;
  let offset = options.start ?? 0;
  let failures = 0;
  let first = true;
  let opened = options.response;
  let ranges = true;
  while (offset < blob.size || (first && blob.size === 0)) {
    const before = offset;
    first = false;
    try {
      const isPart = ranges && offset > 0;
      const response = opened ?? (await send(isPart ? from(request, offset) : request));
      opened = undefined;
      if (isPart && !isFrom(response, offset)) {
        response.discard();
        ranges = false;
        continue;
      }
      if (isRefusedElsewhere(response, request)) throw await refusedElsewhere(response, { request, blob });
      for await (const chunk of bytesFrom(response, { blob, offset })) {
        offset += chunk.byteLength;
        yield chunk;
      }
      if (offset >= blob.size) return;
      throw new StrakeError(
        "REGISTRY_TRUNCATED",
        `${response.url.host} sent ${offset} of the ${blob.size} bytes of ${blob.digest}`,
      );
    } catch (error) {
      if (!isPassing(error)) throw error;
      failures = offset > before ? 1 : failures + 1;
      if (failures >= attempts) throw error;
      options.onResume?.(offset, error as StrakeError);
      await rest(pause(failures, options), options.signal);
    }
  }
}

interface Place {
  readonly blob: Blob;
  readonly offset: number;
}

/** The body from `offset` on. A server without ranges sends everything again: what we have is skipped. */
async function* bytesFrom(
  response: HttpResponse,
  { blob, offset }: Place,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { status, headers } = response;
  if (status !== 200 && status !== 206) throw await answerError(response, `blob ${blob.digest}`);
  let skip = status === 206 ? 0 : offset;
  let left = blob.size - offset;
  const announced = Number(headers["content-length"] ?? 0);
  if (announced > skip + left) {
    response.discard();
    throw new StrakeError(
      "BLOB_MISMATCH",
      `${response.url.host} has ${announced + offset - skip} bytes for ${blob.digest}, which has ${blob.size}`,
    );
  }
  for await (const chunk of response.body) {
    const part = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.byteLength));
    skip -= chunk.byteLength - part.byteLength;
    if (part.byteLength === 0) continue;
    left -= part.byteLength;
    if (left < 0)
      throw new StrakeError(
        "BLOB_MISMATCH",
        `${response.url.host} sent more than the ${blob.size} bytes of ${blob.digest}`,
      );
    yield part;
  }
}

/** Whether an answer can go on at `offset`: some servers that say they know ranges get them wrong. */
function isFrom({ status, headers }: HttpResponse, offset: number): boolean {
  if (status === 416) return false;
  return status !== 206 || Number(/^bytes\s+([0-9]+)-/.exec(headers["content-range"] ?? "")?.[1]) === offset;
}

/** Passes bytes on and compares their digest and size at the end. Errors: BLOB_MISMATCH. */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  blob: Blob,
  from: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const digester = createDigester(digestAlgorithm(blob.digest));
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    digester.update(chunk);
    yield chunk;
  }
  const digest = digester.digest();
  if (size !== blob.size || digest !== blob.digest)
    throw new StrakeError(
      "BLOB_MISMATCH",
      `${from} sent ${size} bytes with digest ${digest} for ${blob.digest} of ${blob.size} bytes`,
      {
        hint: "the content was changed or damaged at the registry or on its way",
      },
    );
}
