import { StrakeError } from "../../errors/index.ts";
import type { HttpRequest, HttpResponse, Send } from "./http/message.ts";
import { isPassing } from "./http/retry.ts";

/** An upload that a registry keeps open. */
export interface Session {
  /** Where it goes on. May carry a signature of the registry's: a secret. */
  readonly location: URL;
  /** Smallest chunk the registry takes (OCI-Chunk-Min-Length). */
  readonly minimum: number;
}

/** Remembers where an upload is, so that whoever sends the same to the same place next, in another process too, goes on with it. */
export interface UploadMemory {
  /** Where an earlier one was left. */
  readonly session: Session | undefined;
  /** It goes on here from now on. */
  note(session: Session): void;
  /** There is nothing to go on with: it is done, or was given up. */
  forget(): void;
}

/** What is told of an upload that goes on where an earlier one was left. */
export interface Continuation {
  readonly memory?: UploadMemory | undefined;
  /** So many bytes the registry has of the earlier one; 0 when that turns out to be of no use. */
  readonly onContinue?: ((bytes: number) => void) | undefined;
}

/** What all requests of an upload have in common. */
export type UploadRequest = Omit<HttpRequest, "method" | "url" | "headers">;

/** The session that an answer to POST names. Errors: REGISTRY_RESPONSE. */
export function sessionOf(response: HttpResponse): Session {
  const minimum = Number(response.headers["oci-chunk-min-length"] ?? 0);
  return { location: locationOf(response), minimum: Number.isSafeInteger(minimum) ? minimum : 0 };
}

/** Where a session goes on: where it was, if the answer does not say. */
export function nextSession(response: HttpResponse, session: Session): Session {
  return response.headers.location === undefined ? session : { ...session, location: locationOf(response) };
}

/** Most registries have one address for all of an upload, which is noted once. */
export function noteIfElsewhere(memory: UploadMemory | undefined, before: Session, now: Session): void {
  if (now.location.href !== before.location.href) memory?.note(now);
}

export interface Reached {
  readonly session: Session;
  /** Bytes the registry has. */
  readonly offset: number;
}

/** How far the registry says it is; undefined when it does not know the session any more or cannot say. */
export async function askProgress(
  send: Send,
  session: Session,
  request: UploadRequest,
): Promise<Reached | undefined> {
  try {
    const response = await send({ ...request, method: "GET", url: session.location, headers: {} });
    response.discard();
    if (response.status !== 204 && response.status !== 202 && response.status !== 200) return undefined;
    const offset = rangeEnd(response.headers.range);
    return offset === undefined ? undefined : { session: nextSession(response, session), offset };
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}

/** How far the upload is that was left earlier. Undefined where there is none, and for whatever is wrong with it: it is begun anew then. */
export async function askLeft(
  send: Send,
  session: Session | undefined,
  request: UploadRequest,
): Promise<Reached | undefined> {
  if (session === undefined) return undefined;
  try {
    return await askProgress(send, session, request);
  } catch (error) {
    if (error instanceof StrakeError && error.code.startsWith("REGISTRY_")) return undefined;
    throw error;
  }
}

/** `Range: 0-99` is 100 bytes. An empty session is written as `0-0` by many, which cannot be told from one byte: it is taken for none. */
export function rangeEnd(header: string | undefined): number | undefined {
  const match = /^(?:bytes=)?0-([0-9]{1,15})$/.exec(header ?? "");
  if (!match) return undefined;
  return match[1] === "0" ? 0 : Number(match[1]) + 1;
}

/** The way to the registry failed, not the registry: what it has of an upload is good. */
const lostWay = new Set(["REGISTRY_UNREACHABLE", "REGISTRY_STALLED", "REGISTRY_TRUNCATED"]);

/**
 * Whether others of the same push have failed, and this one is stopped for it; not when the user stops it, who is not to wait, or the network is gone:
 * then it goes on the next time.
 */
export function isAbandoned(signal: AbortSignal | undefined): boolean {
  const reason: unknown = signal?.aborted ? signal.reason : undefined;
  return reason instanceof StrakeError && reason.code !== "CANCELED" && !lostWay.has(reason.code);
}

/** Tells the registry that nobody goes on with an upload, so that it does not keep the bytes for days: the others may have failed for want of room. */
export async function abandon(send: Send, { location }: Session, request: UploadRequest): Promise<void> {
  try {
    // What failed is told when this is over: it must not take long.
    const signal = AbortSignal.timeout(2000);
    const response = await send({
      ...{ ...request, method: "DELETE", url: location, headers: {} },
      ...{ retry: false, signal },
    });
    response.discard();
  } catch {
    // The registry drops it by itself in the end.
  }
}

/** The address without what could be credentials. Undefined for what is no address of the web. */
export function uploadAddress(text: string, base?: URL): URL | undefined {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch {
    return undefined;
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return undefined;
  url.username = "";
  url.password = "";
  return url;
}

function locationOf({ headers, url: base }: HttpResponse): URL {
  const { location } = headers;
  if (location === undefined)
    throw new StrakeError("REGISTRY_RESPONSE", `${base.host} did not say where an upload goes on`);
  const url = uploadAddress(location, base);
  if (url !== undefined) return url;
  const protocol = /^([a-z][a-z0-9+.-]{0,20}:)/i.exec(location)?.[1]?.toLowerCase();
  throw new StrakeError(
    "REGISTRY_RESPONSE",
    protocol === undefined || /^https?:$/.test(protocol)
      ? `${base.host} named what is no address for an upload`
      : `${base.host} named a ${protocol} address for an upload`,
  );
}
