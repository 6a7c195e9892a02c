/** What is read of a request, whoever parsed it: `url` holds the target as it came, nothing in it resolved. */
export type IncomingRequest = Pick<Request, "method" | "url" | "headers" | "body">;

export type Scheme = "http" | "https";

/** Who sent a request: whoever is behind a trusted proxy, not the proxy. */
export interface Sender {
  /** Address of the client. */
  readonly remote: () => string;
  /** How the client asked. */
  readonly scheme: () => Scheme;
}
