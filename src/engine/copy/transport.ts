import { StrakeError } from "../../errors/index.ts";
import { type Digest, isDigest, parseReference, type Reference } from "../../oci/index.ts";

/** A place an image is copied from or to, as it was written. */
export type Place =
  | { readonly kind: "registry"; readonly reference: Reference }
  /** Our own store. */
  | { readonly kind: "store"; readonly name: string }
  /** `tag`: "" for the only image there is. */
  | { readonly kind: "oci" | "oci-archive"; readonly path: string; readonly tag: string | Digest }
  | { readonly kind: "docker-archive"; readonly path: string; readonly name?: string };

/**
 * Reads `docker://REFERENCE`, `oci:PATH[:TAG|@DIGEST]`, `oci-archive:PATH[:TAG|@DIGEST]`, `docker-archive:PATH[:REFERENCE|@INDEX]` and
 * `strake:NAME` (containers-transports(5) has the first four). What has no transport is a reference of a registry. Errors: USAGE, REFERENCE_INVALID.
 */
export function parsePlace(text: string): Place {
  const [, transport, rest = ""] =
    /^(docker|oci|oci-archive|docker-archive|strake|dir|containers-storage|docker-daemon):(.*)$/s.exec(
      text,
    ) ?? [];
  switch (transport) {
    case undefined:
      if (/^\.{0,2}\/|^[^/]+\.(?:tar|tgz|tar\.(?:gz|zst|xz|bz2))$/.test(text)) throw aPath(text);
      return { kind: "registry", reference: parseReference(text) };
    case "docker":
      if (rest.startsWith("//")) return { kind: "registry", reference: parseReference(rest.slice(2)) };
      throw new StrakeError("USAGE", `${text} lacks the slashes of docker://`, { hint: `docker://${rest}` });
    case "strake":
      if (rest === "") throw noPath(text);
      return { kind: "store", name: rest };
    case "oci":
    case "oci-archive": {
      const { path, name } = splitPath(text, rest);
      return { kind: transport, path, tag: name };
    }
    case "docker-archive": {
      const { path, name } = splitPath(text, rest);
      return { kind: "docker-archive", path, ...(name === "" ? {} : { name }) };
    }
    default:
      throw new StrakeError("USAGE", `strake does not copy from or to ${transport}:`, {
        hint: `${archived[transport as keyof typeof archived]}; places are docker://, oci:, oci-archive:, docker-archive: and strake:`,
      });
  }
}

/** Errors: USAGE. */
function aPath(text: string): StrakeError {
  return new StrakeError("USAGE", `${text} is a path, and does not say what is there`, {
    hint: `write docker-archive:${text} or oci-archive:${text} for a file, oci:${text} for a folder`,
  });
}

/** How images of stores that are not ours come here and leave. */
const archived = {
  "docker-daemon": "docker save -o a.tar IMAGE and docker load -i a.tar write and read docker-archive:a.tar",
  "containers-storage":
    "podman save -o a.tar IMAGE and podman load -i a.tar write and read docker-archive:a.tar",
  dir: "skopeo copy dir:FOLDER oci:FOLDER makes a layout of it",
};

/** A path ends at its first colon, or at the @ before a digest. */
function splitPath(text: string, rest: string): { path: string; name: string } {
  const at = rest.lastIndexOf("@");
  const digest = rest.slice(at + 1);
  if (at > 0 && isDigest(digest)) return { path: rest.slice(0, at), name: digest };
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  if (path === "") throw noPath(text);
  return { path, name: colon < 0 ? "" : rest.slice(colon + 1) };
}

function noPath(text: string): StrakeError {
  return new StrakeError("USAGE", `${text} names nothing behind its transport`);
}
