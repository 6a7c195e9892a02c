/** One answered request. Holds no header and only the parameters named below, so no credential can be in it. */
export interface AccessRecord {
  /** When the request came, ISO 8601. */
  readonly time: string;
  readonly remote: string;
  readonly actor?: string;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly status: number;
  /** Bytes of the response's body, all of which the client may not have taken. */
  readonly bytes: number;
  /** Bytes of the request's body that arrived, where any did. */
  readonly received?: number;
  /** Milliseconds until the answer began. */
  readonly duration: number;
  readonly userAgent?: string;
  /** For the image of another registry: the prefix it is cached under. */
  readonly upstream?: string;
  /** Where it came from then. */
  readonly cache?: "hit" | "miss" | "joined" | "revalidated" | "stale";
  /** What went wrong inside or at an upstream. */
  readonly error?: string;
}

export type AccessLog = (record: AccessRecord) => void;

/** Parameters of the protocol; any other may be a token somebody put in a URL. */
const logged = ["digest", "digest-algorithm", "mount", "from", "n", "last", "tag", "artifactType", "ns"];
const lengthLimit = 256;

export function loggedQuery(query: URLSearchParams): Record<string, string> | undefined {
  const shown = logged.flatMap((name) => {
    const values = query.getAll(name);
    return values.length > 0 ? [[name, values.join(",").slice(0, lengthLimit)]] : [];
  });
  return shown.length > 0 ? Object.fromEntries(shown) : undefined;
}

/** A header as it may be logged: one line, no control characters, limited. */
export function loggedText(text: string | null): string | undefined {
  return text?.replace(/[^\x20-\x7e]/g, "?").slice(0, lengthLimit);
}
