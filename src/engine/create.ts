import type { Containers, CreateOptions } from "../container/index.ts";
import type { Store } from "../store/index.ts";
import { imageConfig } from "./images.ts";

export interface CreateRequest extends Omit<CreateOptions, "image"> {
  /** Id, reference or beginning of an id. */
  readonly image: string;
}

/**
 * A container of an image of the store; its id. The image stays at least as long as the container: nobody can remove it
 * between the look and the record that keeps it.
 */
export function createFromImage(store: Store, containers: Containers, request: CreateRequest): string {
  return store.transaction(() => {
    const image = store.images.find(request.image);
    const config = imageConfig(store, image).config ?? {};
    const { id } = containers.create({
      ...request,
      image: { id: image.id, reference: request.image, layers: image.diffIDs, config },
    });
    return id;
  });
}
