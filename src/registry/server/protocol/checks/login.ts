/** A name and password, said as a registry asks for them: as they are, or traded for a token (Docker's token specification). */
export class Login {
  readonly #basic: string;
  readonly #origin: string;
  /** What was sent last by repository and action: a token for one is none for another. */
  readonly #known = new Map<string, string>();

  /** For the registry at an address like `https://registry.example`. */
  constructor({ name, password }: { name: string; password: string }, origin: string) {
    this.#basic = `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
    this.#origin = origin;
  }

  /** The Authorization of a request; undefined until the registry asks for one. */
  authorization(method: string, url: URL): string | undefined {
    return url.origin === this.#origin ? this.#known.get(keyOf(method, url)) : undefined;
  }

  /** Learns what a refusal asks for. False when nothing can be said that was not said already. */
  async learn(refused: Response, method: string, url: URL): Promise<boolean> {
    if (refused.status !== 401 || url.origin !== this.#origin) return false;
    const challenge = refused.headers.get("www-authenticate") ?? "";
    const answer = /^Bearer /i.test(challenge) ? await this.#token(challenge) : this.#basic;
    const key = keyOf(method, url);
    if (answer === undefined || answer === this.#known.get(key)) return false;
    this.#known.set(key, answer);
    return true;
  }

  async #token(challenge: string): Promise<string | undefined> {
    const { realm, service, scope } = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    ) as Record<string, string | undefined>;
    const page = new URL(realm ?? "/", this.#origin);
    // The password goes to nobody else in the clear.
    if (realm === undefined || (page.origin !== this.#origin && page.protocol !== "https:")) return undefined;
    if (service !== undefined) page.searchParams.set("service", service);
    if (scope !== undefined) page.searchParams.set("scope", scope);
    const answer = await fetch(page, { headers: { Authorization: this.#basic } });
    if (!answer.ok) return undefined;
    const { token, access_token } = (await answer.json()) as { token?: string; access_token?: string };
    return `Bearer ${token ?? access_token}`;
  }
}

function keyOf(method: string, url: URL): string {
  const action = method === "GET" || method === "HEAD" ? "pull" : method === "DELETE" ? "delete" : "push";
  const [repository] = url.pathname.split(/\/(?:blobs|manifests|tags|referrers)\//);
  return `${action} ${repository}`;
}
