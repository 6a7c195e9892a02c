import type { S3Credentials } from "../s3-sign.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Found {
  readonly credentials: S3Credentials;
  /** Milliseconds after which the source is asked again although they do not end: a file may have been replaced. */
  readonly recheck?: number;
}

/** A source that is not set up here, and in a few words why. The next one is asked. */
export interface Absent {
  readonly absent: string;
}

/** A place where credentials may be. One that is set up and fails throws: another identity in its place would be a surprise. */
export interface Source {
  /** As it is named in errors. */
  readonly name: string;
  find(): Promise<Found | Absent>;
}
