import type { ServerTLS } from "../tls.ts";
import type { IncomingRequest } from "./request.ts";

export interface ListenOptions {
  /** Address to listen on. */
  readonly hostname: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly tls: ServerTLS | undefined;
  /** Seconds without a byte from a client that is waited for, after which its connection is closed; 255, Bun's most, when absent. */
  readonly idleSeconds?: number;
  /** Never rejects. `remote` is the client's address. */
  readonly answer: (request: IncomingRequest, remote: string) => Promise<Response>;
}

/** A socket that HTTP requests are taken from. */
export interface Listener {
  /** `http://127.0.0.1:5000/`, as it listens. */
  readonly url: URL;
  /** Requests whose answers are not yet sent. */
  readonly inFlight: number;
  /**
   * Takes no further connection, from the call on. Resolves when the last answer is sent; with `force` what is being sent
   * is cut off. May be called again.
   */
  stop(force: boolean): Promise<void>;
}

/** The longest that Bun knows. */
export const longestIdle = 255;

export function listenerTLS({ cert, key, clientCA }: ServerTLS): Bun.TLSOptions {
  if (clientCA === undefined) return { cert, key };
  return { cert, key, ca: clientCA, requestCert: true, rejectUnauthorized: true };
}
