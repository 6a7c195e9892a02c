import type { ClientCertificate } from "../http/client-certificate.ts";
import type { TlsOptions } from "../http/transport.ts";
import type { ProxyServer } from "../proxy/address.ts";

/** How to speak to one registry. */
export interface HostSettings {
  /** Where it really is. Its path counts for nothing: see `root`. */
  readonly url?: URL;
  /** Path of the API, without a slash at its end. Default: `/v2`. */
  readonly root?: string;
  /** Plain HTTP, or TLS whose certificate nobody checks. */
  readonly insecure?: boolean;
  /** TLS is checked even on loopback, where it is not by default. */
  readonly verify?: boolean;
  /** `url` is plain HTTP, but somebody set up TLS for it: that is tried first. */
  readonly tryTLS?: boolean;
  readonly tls?: TlsOptions;
  /** Certificates of ours, in place of the one in `tls`: the registry gets the one that it wants. */
  readonly clients?: readonly ClientCertificate[];
  readonly blocked?: boolean;
  /** Origin of the images, told with `ns=` to a place that is not it, whenever something is read there. */
  readonly namespace?: string;
  /** Sent with every request to the place itself and to nobody else. Names in lowercase. May hold secrets. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds in which a connection must be made. Default: as long as for any byte. */
  readonly dialMs?: number;
  /** The proxy that this place is asked through, and whatever it sends us to, in place of what the environment says. */
  readonly proxy?: ProxyServer;
}

/** A place a repository can be pulled from: a mirror, or the registry itself (the last one). */
export interface Endpoint extends HostSettings {
  /** Host as in references. */
  readonly host: string;
  readonly path: string;
  readonly isMirror: boolean;
  /** A mirror that is only asked for digests, or only for tags. Default: for all. */
  readonly pullFrom?: "all" | "digest-only" | "tag-only";
  /** What a tag means is asked elsewhere, and its content then here: a host of hosts.toml with `pull` and without `resolve`. */
  readonly needsDigest?: boolean;
}
