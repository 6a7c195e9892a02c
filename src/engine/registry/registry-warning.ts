import type { Emit } from "../../events/index.ts";
import type { RemoteOptions } from "../../registry/client/index.ts";

/** A request with its events as the place where what registries warn of is told, where it has one. */
export function hearingWarnings<T extends RemoteOptions & { readonly emit?: Emit | undefined }>(
  request: T,
): T & RemoteOptions {
  const { emit } = request;
  if (emit === undefined) return request;
  return {
    ...request,
    onWarning: (host, text) =>
      emit({ type: "warning", code: "RegistryWarning", message: `${host} says: ${text}`, at: Date.now() }),
  };
}
