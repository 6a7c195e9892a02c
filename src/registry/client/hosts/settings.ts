import type { TlsOptions } from "../http/transport.ts";

/** How to speak to one registry. */
export interface HostSettings {
  /** Where it really is. */
  readonly url?: URL;
  /** Plain HTTP, or TLS whose certificate nobody checks. */
  readonly insecure?: boolean;
  readonly tls?: TlsOptions;
  readonly blocked?: boolean;
}

/** A place a repository can be pulled from: a mirror, or the registry itself (the last one). */
export interface Endpoint extends HostSettings {
  /** Host as in references. */
  readonly host: string;
  readonly path: string;
  readonly isMirror: boolean;
  /** A mirror that is only asked for digests, or only for tags. Default: for all. */
  readonly pullFrom?: "all" | "digest-only" | "tag-only";
}
