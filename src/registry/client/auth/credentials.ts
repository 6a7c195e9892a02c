/** Who we are at a registry. Never printed, but for the place: neither is any part of it. */
export type Credentials = {
  /** The file or the helper that keeps them, to be named when they are refused. */
  readonly place?: string;
} & (
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token (Docker's "identity token"). */
  | { readonly kind: "refresh"; readonly token: string }
  /** A bearer token as it is sent. */
  | { readonly kind: "bearer"; readonly token: string }
);

/** Finds credentials for a registry or a repository of it (`host/path`); undefined is anonymous. */
export type FindCredentials = (repository: string) => Promise<Credentials | undefined>;

export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}
