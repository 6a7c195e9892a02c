import { isIP, type LookupFunction, type Socket } from "node:net";
import { connect, type PeerCertificate } from "node:tls";
import { bareHost } from "./bare-host.ts";

/** What a server shows of itself. Nothing of it was checked: it is for messages only. */
export interface ShownCertificate {
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
  /** Names and addresses it is for. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

const patienceMs = 3000;
const namesShown = 5;

/**
 * The certificate of a server whose certificate was refused, by a connection of its own over which nothing is sent: the refusal itself
 * says neither dates nor names. Undefined when it shows none in time.
 */
export async function shownCertificate(
  url: URL,
  {
    through,
    ...options
  }: { readonly lookup?: LookupFunction; readonly through?: () => Promise<Socket> } = {},
): Promise<ShownCertificate | undefined> {
  const host = bareHost(url.hostname);
  const tunnel = await through?.().catch(() => undefined);
  if (through !== undefined && tunnel === undefined) return undefined;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(url.port || 443),
      rejectUnauthorized: false,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...options,
      ...(tunnel === undefined ? {} : { socket: tunnel }),
    });
    const end = (certificate?: PeerCertificate) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(certificate && shown(certificate));
    };
    const timer = setTimeout(end, patienceMs);
    socket.on("secureConnect", () => end(socket.getPeerCertificate()));
    socket.on("error", () => end());
    socket.on("close", () => end());
  });
}

function shown({
  subject,
  issuer,
  subjectaltname = "",
  valid_from,
  valid_to,
}: PeerCertificate): ShownCertificate | undefined {
  const [from, to] = [Date.parse(valid_from), Date.parse(valid_to)];
  if (Number.isNaN(from) || Number.isNaN(to)) return undefined;
  const names = [...subjectaltname.matchAll(/(?:DNS|IP Address):([^,\s]+)/g)].map(([, name]) => plain(name!));
  return { subject: nameOf(subject), issuer: nameOf(issuer), names: names.slice(0, namesShown), from, to };
}

function nameOf(name: { readonly CN?: unknown; readonly O?: unknown } | undefined): string | undefined {
  const text = [name?.CN, name?.O].flat().find((part) => typeof part === "string" && part !== "");
  return text === undefined ? undefined : plain(text as string);
}

/** A stranger wrote it: nothing that steers a terminal, and not much of it. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a1-\u1fff]/g, "?").slice(0, 100);
}
