import { StrakeError } from "../../errors/index.ts";
import { type Descriptor, parseReference, type Reference } from "../../oci/index.ts";

/** The names in a `RepoTags` list. Errors: ARCHIVE_INVALID for anything that is not `name:tag` (CVE-2014-9358). */
export function repoTags(value: unknown): Reference[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw invalid("RepoTags is not a list");
  return value.map((tag) => archiveName(tag));
}

/** One name of an archive. A digest is a claim that an archive cannot make. Errors: ARCHIVE_INVALID. */
export function archiveName(value: unknown): Reference {
  if (typeof value !== "string") throw invalid("a name is not a string");
  let reference: Reference;
  try {
    reference = parseReference(value);
  } catch (cause) {
    throw new StrakeError(
      "ARCHIVE_INVALID",
      `the archive names an image ${JSON.stringify(value.slice(0, 200))}`,
      {
        hint: "that is not an image reference; nothing was loaded",
        cause,
      },
    );
  }
  if (reference.digest !== undefined) throw invalid("a name has a digest");
  return reference;
}

/**
 * The name an OCI layout's index gives a manifest: containerd's annotation holds a whole reference, the OCI one often
 * only a tag (image-spec annotations.md leaves that open), which names no repository and so is no name.
 */
export function annotatedName(descriptor: Descriptor): Reference | undefined {
  const whole = descriptor.annotations?.["io.containerd.image.name"];
  if (whole !== undefined) return archiveName(whole);
  const name = descriptor.annotations?.["org.opencontainers.image.ref.name"];
  if (name === undefined || !/[:/]/.test(name)) return undefined;
  try {
    const reference = parseReference(name);
    return reference.digest === undefined ? reference : undefined;
  } catch {
    // The annotation is free text within the layout; other tools put there what they like.
    return undefined;
  }
}

function invalid(why: string): StrakeError {
  return new StrakeError("ARCHIVE_INVALID", `the archive's manifest is malformed: ${why}`);
}
