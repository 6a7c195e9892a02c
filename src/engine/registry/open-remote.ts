import type { Emit } from "../../events/index.ts";
import { Remote, type RemoteOptions } from "../../registry/client/index.ts";

/** The registries that a request speaks to. What they warn of is one of its events, where it has somebody for these. */
export function openRemote({
  emit,
  ...options
}: RemoteOptions & { readonly emit?: Emit | undefined }): Remote {
  if (emit === undefined) return new Remote(options);
  const onWarning = (host: string, text: string) =>
    emit({ type: "warning", code: "RegistryWarning", message: `${host} says: ${text}`, at: Date.now() });
  return new Remote({ ...options, onWarning });
}
