import { expect, test } from "bun:test";
import { S3Store } from "./s3.ts";

/** A server that knows what opening a store asks of it, and leaves the conditions of some headers out of account. */
function s3Server(ignored: readonly string[]) {
  const objects = new Map<string, string>();
  let version = 0;
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (searchParams.has("list-type"))
        return new Response("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
      if (request.method === "DELETE") {
        objects.delete(pathname);
        return new Response(null, { status: 204 });
      }
      const etag = objects.get(pathname);
      const condition = (name: string) => (ignored.includes(name) ? null : request.headers.get(name));
      const match = condition("if-match");
      if ((condition("if-none-match") !== null && etag !== undefined) || (match !== null && match !== etag))
        return new Response("<Error><Code>PreconditionFailed</Code></Error>", { status: 412 });
      objects.set(pathname, `"${++version}"`);
      return new Response(null, { headers: { ETag: objects.get(pathname)! } });
    },
  });
}

test.each([
  [["if-none-match"], /does not honour If-None-Match/],
  [["if-match"], /does not honour If-Match/],
  [["if-none-match", "if-match"], /does not honour/],
] as const)(
  "a server that ignores %j is refused: replicas would write over each other's tags",
  async (ignored, problem) => {
    const server = s3Server(ignored);
    try {
      const credentials = { accessKeyId: "a", secretAccessKey: "b" };
      const options = { endpoint: server.url.origin, bucket: "images", credentials };
      await expect(S3Store.open(options)).rejects.toMatchObject({
        code: "REGISTRY_STORAGE",
        message: expect.stringMatching(problem),
      });
    } finally {
      await server.stop(true);
    }
  },
);

test("one that honours them is taken", async () => {
  const server = s3Server([]);
  try {
    const credentials = { accessKeyId: "a", secretAccessKey: "b" };
    await using store = await S3Store.open({ endpoint: server.url.origin, bucket: "images", credentials });
    expect(store.kind).toBe("s3");
  } finally {
    await server.stop(true);
  }
});
