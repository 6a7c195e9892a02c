import type { webcrypto } from "node:crypto";
import { StrakeError } from "../../../errors/index.ts";
import { encodeRecord, readRecord } from "../records.ts";
import type { ObjectStore } from "../storage/object-store.ts";

/** The one key that tokens are signed and checked with. */
export interface SigningKey {
  readonly algorithm: "ES256" | "EdDSA";
  /** Thumbprint of the public key (RFC 7638). */
  readonly id: string;
  sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
  verify(data: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

const parameters = {
  ES256: { make: { name: "ECDSA", namedCurve: "P-256" }, use: { name: "ECDSA", hash: "SHA-256" } },
  EdDSA: { make: { name: "Ed25519" }, use: { name: "Ed25519" } },
} as const;

/**
 * The registry's key, kept in its storage and made on first use: all replicas sign with the same one. Whoever can read
 * it there can write the images there, too.
 */
export async function openSigningKey(
  objects: ObjectStore,
  algorithm: SigningKey["algorithm"],
): Promise<SigningKey> {
  const at = `access/keys/${algorithm}`;
  const { make, use } = parameters[algorithm];
  let stored = await readRecord<webcrypto.JsonWebKey>(objects, at);
  if (!stored) {
    const pair = (await crypto.subtle.generateKey(make, true, ["sign", "verify"])) as CryptoKeyPair;
    const made = await crypto.subtle.exportKey("jwk", pair.privateKey);
    try {
      await objects.put(at, encodeRecord(made), { ifNoneMatch: "*" });
    } catch (error) {
      // Another replica was first: its key is the key.
      if (!(error instanceof StrakeError && error.code === "OBJECT_CHANGED")) throw error;
    }
    stored = await readRecord<webcrypto.JsonWebKey>(objects, at);
  }
  try {
    const { kty, crv, x, y, d } = stored!.value;
    const load = (key: webcrypto.JsonWebKey, usage: webcrypto.KeyUsage) =>
      crypto.subtle.importKey("jwk", key, make, false, [usage]);
    const secret = await load({ kty, crv, x, y, d }, "sign");
    const publicKey = await load({ kty, crv, x, y }, "verify");
    // Members in the order and spelling that RFC 7638 gives.
    const named = JSON.stringify({ crv, kty, x, y });
    const thumbprint = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(named));
    return {
      algorithm,
      id: Buffer.from(thumbprint).toString("base64url"),
      sign: async (data) => new Uint8Array(await crypto.subtle.sign(use, secret, data)),
      verify: (data, signature) => crypto.subtle.verify(use, publicKey, signature, data),
    };
  } catch (cause) {
    throw new StrakeError("REGISTRY_STORAGE", `${at} is damaged in the registry's storage`, { cause });
  }
}
