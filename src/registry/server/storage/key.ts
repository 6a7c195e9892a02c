import { StrakeError } from "../../../errors/index.ts";

/**
 * Keys are segments joined by slashes. No segment starts with a dot, none is empty, and no character needs escaping in a
 * path, a URL or XML: a key of this grammar cannot leave the folder or bucket it is used in, whoever wrote it.
 */
const segment = "[A-Za-z0-9_][A-Za-z0-9_.!-]{0,254}";
const keyPattern = new RegExp(`^${segment}(?:/${segment})*$`);
const prefixPattern = new RegExp(`^(?:${segment}/)+$`);
const uploadPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** S3's limit is 1024 bytes; the rest is left to a bucket's own prefix. */
const lengthLimit = 900;

/** Whether something that is stored is an object of ours: in a bucket or a folder there may be other things as well. */
export function isKey(key: string): boolean {
  return key.length <= lengthLimit && keyPattern.test(key);
}

/** The key itself. Throws OBJECT_KEY_INVALID. */
export function checkKey(key: string): string {
  if (isKey(key)) return key;
  throw new StrakeError("OBJECT_KEY_INVALID", `${JSON.stringify(key.slice(0, 160))} is not an object key`);
}

/** The prefix itself: whole segments, ending with a slash. Throws OBJECT_KEY_INVALID. */
export function checkPrefix(prefix: string): string {
  if (prefix.length <= lengthLimit && prefixPattern.test(prefix)) return prefix;
  throw new StrakeError(
    "OBJECT_KEY_INVALID",
    `${JSON.stringify(prefix.slice(0, 160))} is not a prefix of object keys`,
  );
}

/** Whether the string could be the id of an upload: a UUID in lowercase. */
export function isUploadId(id: string): boolean {
  return uploadPattern.test(id);
}
