import type { S3Credentials } from "../s3-sign.ts";

/**
 * The credentials for a request that is signed now. `refused` are those that the S3 server has just refused as ended or unknown: who
 * has others gives them, else the same. Throws REGISTRY_STORAGE.
 */
export type S3CredentialsProvider = (refused?: S3Credentials) => Promise<S3Credentials>;
