/** Who this registry is at an upstream. Never shown to clients, never logged. */
export type UpstreamCredentials =
  | { readonly username: string; readonly password: string }
  /** Read again when it is needed: the first line of the file is the password. */
  | { readonly username: string; readonly passwordFile: string }
  /** A bearer token as it is sent. */
  | { readonly token: string }
  /** What this machine's user logged in with: Docker's and containers' files and credential helpers. */
  | "keychain";

/** A registry whose images are served here and kept for the next time (a pull-through cache). */
export interface ProxyConfig {
  /**
   * Where its repositories appear: with `docker.io`, `docker.io/library/debian` is the upstream's `library/debian`.
   * Nothing else can be pushed below it.
   */
  readonly prefix: string;
  /** `https://registry-1.docker.io`. A path in it is put before every repository's. */
  readonly upstream: string;
  /**
   * Values of `ns=`, by which containerd tells a mirror whose image it wants. Default: the upstream's host, for Docker Hub
   * `docker.io`.
   */
  readonly namespaces?: readonly string[];
  /** Names of one component are official images in `library/`. Default: for Docker Hub. */
  readonly library?: boolean;
  readonly credentials?: UpstreamCredentials;
  /** Certificates in PEM, or the path of a file of them, that are trusted for the upstream besides the system's. */
  readonly ca?: string;
  readonly caFile?: string;
  /** Take any certificate. */
  readonly insecure?: boolean;
  /**
   * Whether the upstream may send us to private networks and this machine, for its blobs or tokens. Default: only where it
   * is there itself.
   */
  readonly internalRedirects?: boolean;
  /** Milliseconds for which a tag is believed before the upstream is asked (HEAD) whether it moved. Default: 5 minutes. */
  readonly ttl?: number;
  /** Milliseconds for which it is believed that the upstream has no such thing. Default: 30 seconds. */
  readonly missTtl?: number;
  /** Milliseconds without a byte after which a question to the upstream is given up. Default: 20 seconds. */
  readonly timeout?: number;
  /** Bytes of what is kept; what was used longest ago goes first. Default: no limit. */
  readonly maxBytes?: number;
  /** Milliseconds after its last use at which something goes. Default: never. */
  readonly maxAge?: number;
  /** Globs of `repository:tag` below the prefix, such as `library/debian:*`: what they name is never taken. */
  readonly pinned?: readonly string[];
}
