import type { Sender } from "./http/request.ts";

/** What a request wants to do; each request asks about every repository it touches before it touches it. */
export interface AccessRequest extends Sender {
  /**
   * `ping` is GET /v2/, `catalog` the list of repositories, `metrics` the metrics page. `mount-any` is a mount without
   * `from`: it makes a blob readable that may so far be in repositories the caller must not read.
   */
  readonly action: "ping" | "catalog" | "metrics" | "pull" | "push" | "delete" | "mount-any";
  readonly repository?: string;
  /** The tag, where one is named. */
  readonly tag?: string;
  /**
   * Of a push that begins with a mount: the repository that the blob is in. Whether the caller may `pull` there is asked
   * by a request of its own; here a challenge may ask for credentials that are good for both.
   */
  readonly mountFrom?: string;
  readonly headers: Headers;
  /** It belongs to a request that was let in already, and counts for no limit of its own. */
  readonly isPart?: boolean;
}

export type AccessDecision =
  | {
      readonly allow: true;
      /** Who it is, for the log, events and the ownership of uploads. */
      readonly actor?: string;
      /** For `catalog`: which repositories the caller may see; all when absent. */
      readonly visible?: (repository: string) => boolean;
    }
  | {
      readonly allow: false;
      /** 401 asks for credentials (with `challenge`), 403 refuses, 429 asks to come back after `retryAfter` seconds. */
      readonly status: 401 | 403 | 429;
      readonly message: string;
      /** Value of WWW-Authenticate. */
      readonly challenge?: string;
      readonly retryAfter?: number;
    };

/** The one place where access is decided. A plain value keeps the fast path free of waiting. */
export type Access = (request: AccessRequest) => AccessDecision | Promise<AccessDecision>;

/** Everybody may do everything. */
export const openAccess: Access = () => allowed;

const allowed: AccessDecision = { allow: true };
