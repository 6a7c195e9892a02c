import { isRepositoryPath } from "../../../oci/index.ts";
import { Refusal } from "./refusal.ts";

/** What a path under /v2/ names. References and digests are as they came: their handlers check them. */
export type Route =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  | { readonly kind: "uploads"; readonly repository: string }
  | { readonly kind: "upload"; readonly repository: string; readonly id: string }
  | { readonly kind: "tags"; readonly repository: string }
  | { readonly kind: "referrers"; readonly repository: string; readonly digest: string };

/** Longer than any name with any reference. */
const pathLimit = 1024;

/**
 * The route of a path, undefined when it is none. Throws NAME_INVALID for a repository name outside the grammar: a name
 * is never decoded, so `%2e%2e` is refused for its percent sign.
 */
export function parseRoute(path: string): Route | undefined {
  if (!path.startsWith("/v2")) return undefined;
  if (path === "/v2/" || path === "/v2") return { kind: "base" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  if (path.charCodeAt(3) !== 0x2f || path.length > pathLimit) return undefined;
  if (path.endsWith("/tags/list")) return { kind: "tags", repository: name(path, "/tags/list".length) };
  if (path.endsWith("/blobs/uploads/"))
    return { kind: "uploads", repository: name(path, "/blobs/uploads/".length) };
  if (path.endsWith("/blobs/uploads"))
    return { kind: "uploads", repository: name(path, "/blobs/uploads".length) };

  const slash = path.lastIndexOf("/");
  const last = decode(path.slice(slash + 1));
  if (last === undefined || last === "") return undefined;
  const before = (word: string) => path.endsWith(word, slash);
  const cut = (word: string) => name(path, path.length - slash + word.length);
  if (before("/manifests")) return { kind: "manifest", repository: cut("/manifests"), reference: last };
  if (before("/blobs/uploads")) return { kind: "upload", repository: cut("/blobs/uploads"), id: last };
  if (before("/blobs")) return { kind: "blob", repository: cut("/blobs"), digest: last };
  if (before("/referrers")) return { kind: "referrers", repository: cut("/referrers"), digest: last };
  return undefined;
}

function name(path: string, tail: number): string {
  return checkRepository(path.slice("/v2/".length, path.length - tail));
}

/** The repository name itself. Throws NAME_INVALID. */
export function checkRepository(repository: string): string {
  if (isRepositoryPath(repository)) return repository;
  throw new Refusal("NAME_INVALID", "the repository name is malformed", {
    detail: { name: repository.slice(0, 255) },
  });
}

/** Some clients write the colon of a digest as %3A. */
function decode(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
