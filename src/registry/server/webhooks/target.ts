import { StrakeError } from "../../../errors/index.ts";
import { compileGlob } from "../access/glob.ts";
import type { RegistryEvent } from "../events.ts";

/** Somebody who wants to hear of changes. */
export interface WebhookTarget {
  /** Gets a POST for each event. Redirects are not followed. */
  readonly url: string;
  /** With it each request carries `X-Hub-Signature-256: sha256=<HMAC of the body>`, as GitHub's webhooks do. */
  readonly secret?: string;
  /** What to tell; pushes and deletions of manifests and tags when absent. */
  readonly events?: readonly RegistryEvent["type"][];
  /** Pattern over repositories, as those of policies; every one when absent. */
  readonly repositories?: string;
  /** Sent besides, for example an Authorization. */
  readonly headers?: Readonly<Record<string, string>>;
}

const standardEvents: readonly RegistryEvent["type"][] = [
  "manifest.pushed",
  "manifest.deleted",
  "tag.deleted",
];

/** Whether the target wants to hear of it. */
export function wants(target: WebhookTarget, event: RegistryEvent): boolean {
  return (
    (target.events ?? standardEvents).includes(event.type) &&
    compileGlob(target.repositories ?? "**")(event.repository)
  );
}

/** Throws USAGE unless the target's URL is one of HTTP. */
export function checkTarget({ url }: WebhookTarget): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : "";
  if (protocol !== "http:" && protocol !== "https:")
    // The URL may hold a secret: it is not repeated.
    throw new StrakeError("USAGE", "a webhook's URL has to begin with http:// or https://");
}

export interface Delivery {
  /** The same in every attempt, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly type: RegistryEvent["type"];
  readonly body: string;
}

export function deliveryOf(event: RegistryEvent): Delivery {
  const id = crypto.randomUUID();
  const body = JSON.stringify({ id, ...event, at: new Date(event.at).toISOString() });
  return { id, type: event.type, body };
}

/** The request of one attempt. */
export function requestOf(target: WebhookTarget, { id, type, body }: Delivery): RequestInit {
  // Whatever case they are written in, ours stand alone.
  const headers = new Headers(target.headers);
  headers.set("Content-Type", "application/json");
  headers.set("User-Agent", "strake-registry");
  headers.set("Strake-Event", type);
  headers.set("Strake-Delivery", id);
  if (target.secret !== undefined) {
    const hmac = new Bun.CryptoHasher("sha256", target.secret).update(body).digest("hex");
    headers.set("X-Hub-Signature-256", `sha256=${hmac}`);
  }
  return { method: "POST", headers, body, redirect: "manual" };
}
