import type { Containers, CreateOptions } from "../container/index.ts";
import { checkOptions, type OptionKinds } from "../errors/index.ts";
import type { Store } from "../store/index.ts";
import { imageConfig } from "./images.ts";

export interface CreateRequest extends Omit<CreateOptions, "image"> {
  /** Id, reference or beginning of an id. */
  readonly image: string;
}

const requestKinds: OptionKinds<CreateRequest> = {
  ...{ image: "string", name: "string?", command: "strings?", entrypoint: "strings?", env: "strings?" },
  ...{ workingDir: "string?", user: "string?", hostname: "string?", labels: "texts?", terminal: "boolean?" },
  ...{ openStdin: "boolean?", stopSignal: "string?", stopTimeout: "number?", autoRemove: "boolean?" },
  ...{ startedAtOnce: "object?", readonlyRootfs: "boolean?", privileged: "boolean?", capAdd: "strings?" },
  ...{ capDrop: "strings?", noNewPrivileges: "boolean?", seccomp: "boolean?", shmSize: "number?" },
  ...{ logSizeMax: "number?", mounts: "array?", ports: "array?", publishAll: "boolean?" },
  ...{ exposedPorts: "strings?", extraHosts: "array?", dns: "strings?", dnsSearch: "strings?" },
  ...{ dnsOptions: "strings?", network: { oneOf: ["bridge", "host", "none"] } },
};

/**
 * A container of an image of the store; its id. The image stays at least as long as the container: nobody can remove it
 * between the look and the record that keeps it.
 */
export function createFromImage(store: Store, containers: Containers, request: CreateRequest): string {
  checkOptions("create", request, requestKinds);
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
