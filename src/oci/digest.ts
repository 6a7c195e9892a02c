import { StrakeError } from "../errors/index.ts";
import { createHash } from "./hash.ts";

declare const digestBrand: unique symbol;

/**
 * `algorithm:hex` of a supported algorithm with exactly the right number of lowercase hex digits
 * (image-spec descriptor.md, "Digests"). A value of this type is safe as a file name after the colon is cut.
 */
export type Digest = string & { readonly [digestBrand]: true };

export type DigestAlgorithm = "sha256" | "sha512";

// The whole string is matched: "sha256:../../x" (CVE-2024-3727) must never come near a path or a URL.
const grammar = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && grammar.test(value);
}

/** The string as a digest. Throws DIGEST_INVALID for unknown algorithms, wrong lengths and uppercase digits. */
export function parseDigest(value: string): Digest {
  if (isDigest(value)) return value;
  throw new StrakeError("DIGEST_INVALID", `${JSON.stringify(shorten(value))} is not a digest`, {
    hint: "a digest looks like sha256: followed by 64 lowercase hexadecimal digits",
  });
}

/** The digits after the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice(7);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, 6) as DigestAlgorithm;
}

/** The digest with this algorithm and these digits. Throws DIGEST_INVALID. */
export function digestFromHex(hex: string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return parseDigest(`${algorithm}:${hex}`);
}

/** A digest computed piece by piece. `digest()` ends it; calling anything after that throws. */
export interface Digester {
  update(chunk: Uint8Array): void;
  digest(): Digest;
}

export function createDigester(algorithm: DigestAlgorithm = "sha256"): Digester {
  const hash = createHash(algorithm);
  return {
    update: (chunk) => {
      hash.update(chunk);
    },
    digest: () => `${algorithm}:${hash.digest("hex")}` as Digest,
  };
}

/** The sha256 digest of bytes, or of a string's UTF-8. */
export function sha256(content: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(content).digest("hex")}` as Digest;
}

/** Whether the bytes have this digest, by the digest's own algorithm. */
export function matchesDigest(content: Uint8Array, digest: Digest): boolean {
  const algorithm = digestAlgorithm(digest);
  return createHash(algorithm).update(content).digest("hex") === digestHex(digest);
}

function shorten(value: string): string {
  return value.length > 160 ? `${value.slice(0, 160)}…` : value;
}
