import { StrakeError } from "../../errors/index.ts";
import type { Reference } from "../../oci/index.ts";
import { isDockerHub } from "./docker-hub.ts";

/** Docker Hub's own images, which alone have names of one component, have no names like these. */
const hostLike = /^library\/(localhost|\d{1,3}(?:\.\d{1,3}){3}|(?:[a-z0-9-]+\.)+[a-z]{2,})$/;

/**
 * `registry.example:5000` is, read as a reference, the tag 5000 of an image of Docker Hub: nobody means that. Throws
 * REFERENCE_INVALID.
 */
export function demandImage({ domain, path, tag, digest }: Partial<Reference>): void {
  const [, host] = (isDockerHub(domain ?? "") && digest === undefined && hostLike.exec(path ?? "")) || [];
  if (host === undefined) return;
  const isPort = /^\d{1,5}$/.test(tag ?? "");
  if (!isPort && tag !== undefined && tag !== "latest") return;
  const registry = isPort ? `${host}:${tag}` : host;
  throw new StrakeError("REFERENCE_INVALID", `${registry} names a registry, and no image of it`, {
    hint: `an image is written ${registry}/NAME:TAG (none of Docker Hub's own has a dot in its name); what is there: strake catalog ${registry}`,
  });
}
