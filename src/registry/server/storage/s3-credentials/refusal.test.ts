import { expect, test } from "bun:test";
import { mayHaveEnded } from "./refusal.ts";

const lasting = { accessKeyId: "k", secretAccessKey: "s" };
const ended = { ...lasting, expiration: Date.now() - 1000 };
const valid = { ...lasting, expiration: Date.now() + 60_000 };

test.each([
  ["GET", 400, "ExpiredToken", valid, true],
  ["PUT", 403, "InvalidAccessKeyId", lasting, true],
  ["PUT", 403, "SignatureDoesNotMatch", lasting, true],
  ["GET", 404, "XAdminUserNotFound", lasting, true],
  ["GET", 403, "AccessDenied", lasting, false],
  ["GET", 403, "AccessDenied", valid, false],
  ["GET", 403, "AccessDenied", ended, true],
  ["HEAD", 400, "", valid, true],
  ["HEAD", 403, "", lasting, true],
  ["HEAD", 404, "", ended, false],
  ["GET", 404, "NoSuchKey", ended, false],
  ["PUT", 400, "BadDigest", ended, false],
  ["PUT", 412, "PreconditionFailed", ended, false],
] as const)("%s %d %s", (method, status, code, credentials, expected) => {
  expect(mayHaveEnded({ method, status, code }, credentials)).toBe(expected);
});
