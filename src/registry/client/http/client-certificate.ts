import { StrakeError } from "../../../errors/index.ts";
import type { Transport } from "./transport.ts";

/** A client's certificate and its key, in PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface Trial {
  /** What is asked for: what the registry answers to anybody whose certificate it takes, with or without a login. */
  readonly url: URL;
  readonly open: (pair: ClientCertificate) => Transport;
  readonly signal: AbortSignal | undefined;
}

/** What servers say over a connection whose certificate they do not want, where they do not end it (nginx: 400; others by the name in it: 403). */
const unwanted = new Set([400, 403]);

/**
 * Of several certificates of ours the one that a registry wants. Go's programs choose by the CAs that the server names; neither node:tls nor Bun tells those, so
 * each is tried with a request that has no login in it. The first whose answer is no refusal, else the first that is answered at all, else the first. Errors: CANCELED.
 */
export async function chooseCertificate(
  pairs: readonly ClientCertificate[],
  { url, open, signal }: Trial,
): Promise<ClientCertificate | undefined> {
  if (pairs.length < 2) return pairs[0];
  let answered: ClientCertificate | undefined;
  for (const pair of pairs) {
    const transport = open(pair);
    try {
      const response = await transport.send({
        method: "GET",
        url,
        headers: {},
        ...(signal ? { signal } : {}),
      });
      response.discard();
      if (!unwanted.has(response.status)) return pair;
      answered ??= pair;
    } catch (error) {
      if (!isRefusal(error)) break;
    } finally {
      transport.close();
    }
  }
  return answered ?? pairs[0];
}

/** Whether another certificate may do better: TLS failed, or the server, which had read ours, went away. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof StrakeError)) throw error;
  if (error.class === "canceled") throw error;
  if (error.code === "REGISTRY_TLS") return true;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return error.code === "REGISTRY_UNREACHABLE" && !absent.has(String(code));
}

const absent = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"]);
