import type { Digest } from "../../oci/index.ts";

/** What happened, after it is stored: for webhooks, metrics and audit. Listeners must not throw and must return quickly. */
export type RegistryEvent = {
  readonly repository: string;
  readonly actor?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
} & (
  | {
      readonly type: "manifest.pushed" | "manifest.pulled";
      readonly digest: Digest;
      readonly mediaType: string;
      /** Bytes. */
      readonly size: number;
      readonly tags: readonly string[];
    }
  | { readonly type: "manifest.deleted"; readonly digest: Digest; readonly tags: readonly string[] }
  | { readonly type: "tag.deleted"; readonly tag: string; readonly digest: Digest }
  | {
      readonly type: "blob.pushed" | "blob.pulled" | "blob.mounted";
      readonly digest: Digest;
      readonly size: number;
    }
  | { readonly type: "blob.deleted"; readonly digest: Digest }
);

export type RegistryListener = (event: RegistryEvent) => void;

/**
 * A change about to be stored, for rules beyond access: immutable tags, quotas. Throwing a `Refusal` stops it.
 * A tag's change is stored only if `from` still holds, so a rule about it cannot lose a race.
 */
export type Change =
  | { readonly kind: "blob"; readonly repository: string; readonly digest: Digest; readonly size: number }
  | { readonly kind: "manifest"; readonly repository: string; readonly digest: Digest; readonly size: number }
  | {
      readonly kind: "tag";
      readonly repository: string;
      readonly tag: string;
      readonly from?: Digest;
      /** Absent when the tag is being deleted. */
      readonly to?: Digest;
    };

export type Admit = (change: Change) => void | Promise<void>;
