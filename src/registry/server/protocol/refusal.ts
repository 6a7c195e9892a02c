import { jsonAnswer } from "./text-answer.ts";

/** Error codes of the distribution-spec, with the HTTP status each comes with unless the case says otherwise. */
const statuses = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  SIZE_INVALID: 400,
  TAG_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
} as const;

export type RefusalCode = keyof typeof statuses;

export interface RefusalOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly detail?: unknown;
  /** What only the registry's own log says of it. */
  readonly log?: string;
}

/** An answer of the protocol that is not success (distribution-spec, "Error Codes"). Never leaves the server as an exception. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly detail: unknown;
  readonly log: string | undefined;

  constructor(code: RefusalCode, message: string, options: RefusalOptions = {}) {
    super(message);
    this.code = code;
    this.status = options.status ?? statuses[code];
    this.headers = options.headers ?? {};
    this.detail = options.detail;
    this.log = options.log;
  }

  response(): Response {
    const { code, message, detail } = this;
    const errors = [{ code, message, ...(detail === undefined ? {} : { detail }) }];
    return jsonAnswer({ errors }, { status: this.status, headers: { ...versionHeader, ...this.headers } });
  }
}

/** Docker's clients take an endpoint for a registry by this header. */
export const versionHeader = { "Docker-Distribution-Api-Version": "registry/2.0" } as const;
