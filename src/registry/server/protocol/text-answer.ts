/**
 * An answer of text that says itself how long it is: the access log and the metrics read its length there, as they do
 * for blobs.
 */
export function textAnswer(
  text: string,
  { status, headers }: { status?: number; headers: object },
): Response {
  return new Response(text, {
    ...(status === undefined ? {} : { status }),
    headers: { ...headers, "Content-Length": String(Buffer.byteLength(text)) },
  });
}

/** The same of a value. */
export function jsonAnswer(
  value: unknown,
  { status, headers = {} }: { status?: number; headers?: object } = {},
): Response {
  return textAnswer(JSON.stringify(value), {
    status,
    headers: { "Content-Type": "application/json", ...headers },
  });
}
