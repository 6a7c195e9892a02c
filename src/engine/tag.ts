import { parseReference } from "../oci/index.ts";
import type { Store } from "../store/index.ts";

export function tagImage(store: Store, name: string, reference: string): void {
  const wanted = parseReference(reference);
  store.transaction(() => {
    store.images.tag(wanted, store.images.find(name).id);
  });
}
