import { checkArgument, StrakeError } from "../errors/index.ts";
import { decodePath } from "../tar/index.ts";
import { limits } from "./limits.ts";

/**
 * The text of a Dockerfile or ignore file without its byte order mark. Bytes that are not UTF-8 become lone surrogates
 * U+DC80..U+DCFF, as everywhere in this project, so that a file name in Latin-1 still names that file.
 * Throws `DOCKERFILE_LIMIT` when the file is too large.
 */
export function decodeFile(input: string | Uint8Array, file: string): string {
  checkArgument(file, input, "document");
  if (input.length > limits.fileBytes)
    throw new StrakeError("DOCKERFILE_LIMIT", `${file} is larger than ${limits.fileBytes} bytes`);
  const text = typeof input === "string" ? input : decodePath(input);
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
