import {
  type Repository,
  type Session,
  type UploadMemory,
  uploadAddress,
} from "../../registry/client/index.ts";
import type { Layer, Store } from "../../store/index.ts";
import type { PackOptions } from "./push-form.ts";

/**
 * Remembers in the store how far an upload to a repository is: a push that was interrupted goes on with it when it is done again. Until the end of its
 * scope nobody else has it, so that no two processes send into one session. `names`: of the bytes, the one it has from now on first.
 */
export function rememberUpload(
  store: Store,
  { address }: Pick<Repository, "address">,
  names: readonly [string, ...string[]],
): UploadMemory & Disposable {
  const [first, ...others] = names.map((name) => `${address} ${name}`) as [string, ...string[]];
  const note = store.uploads.take([first, ...others]);
  const session = note.before === undefined ? undefined : decodeSession(note.before);
  if (session === undefined) note.forget();
  return {
    session,
    note: (session) => note.write(encodeSession(session)),
    forget: () => note.forget(),
    [Symbol.dispose]: () => note.release(),
  };
}

/** Names the packed form of a layer while nobody knows its digest: what is packed again is the same bytes, by the same version of Bun. */
export function packedName(
  { diffID }: Pick<Layer, "diffID">,
  compression: PackOptions["compression"],
): string {
  return `${diffID} ${compression} ${process.versions.bun ?? ""}`;
}

function encodeSession({ location, minimum }: Session): string {
  return JSON.stringify({ location: location.href, minimum });
}

/** Undefined for what a kill left half written. */
function decodeSession(text: string): Session | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { location, minimum } = (value ?? {}) as Record<string, unknown>;
  const address = typeof location === "string" ? uploadAddress(location) : undefined;
  if (address === undefined || !Number.isSafeInteger(minimum)) return undefined;
  return { location: address, minimum: minimum as number };
}
