import { expect, test } from "bun:test";
import { digestOf, fresh, type Served } from "./served.ts";

/** Blobs that come in one request or in two, or as a stream of unknown length. */
export function testPush(served: Served): void {
  const { call, expectCode, begin, pushBlob } = served;

  test.each(["sha256", "sha512"])("POST with a digest, %s", async (algorithm) => {
    const content = fresh();
    const { digest } = await pushBlob("blobs/post", content, algorithm);
    const head = await call(`/v2/blobs/post/blobs/${digest}`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("100");
    expect(head.headers.get("docker-content-digest")).toBe(digest);
    const get = await call(`/v2/blobs/post/blobs/${encodeURIComponent(digest)}`);
    expect(await get.text()).toBe(content);
  });

  test.each(["sha256", "sha512"])("POST, then PUT, %s without being told so before", async (algorithm) => {
    const content = fresh();
    const digest = digestOf(content, algorithm);
    const put = await call(`${await begin("blobs/put")}?digest=${digest}`, {
      method: "PUT",
      body: content,
    });
    expect([put.status, put.headers.get("location")]).toEqual([201, `/v2/blobs/put/blobs/${digest}`]);
    expect(await (await call(`/v2/blobs/put/blobs/${digest}`)).text()).toBe(content);
  });

  test("an empty blob", async () => {
    const { digest } = await pushBlob("blobs/empty", "");
    const get = await call(`/v2/blobs/empty/blobs/${digest}`);
    expect([get.status, get.headers.get("content-length"), await get.text()]).toEqual([200, "0", ""]);
  });

  test("a stream of unknown length", async () => {
    const content = fresh(300_000);
    const location = await begin("blobs/stream");
    const parts = [content.slice(0, 100_000), content.slice(100_000)];
    const body = new ReadableStream({
      pull(controller) {
        const part = parts.shift();
        if (part === undefined) controller.close();
        else controller.enqueue(new TextEncoder().encode(part));
      },
    });
    expect((await call(location, { method: "PATCH", body })).status).toBe(202);
    const put = await call(`${location}?digest=${digestOf(content)}`, { method: "PUT" });
    expect(put.status).toBe(201);
    expect(await (await call(`/v2/blobs/stream/blobs/${digestOf(content)}`)).text()).toBe(content);
  });

  test("a wrong digest stores nothing", async () => {
    const [content, other] = [fresh(), digestOf(fresh())];
    const post = await call(`/v2/blobs/bad/blobs/uploads/?digest=${other}`, {
      method: "POST",
      body: content,
    });
    await expectCode(post, 400, "DIGEST_INVALID");
    const location = await begin("blobs/bad");
    await expectCode(
      await call(`${location}?digest=${other}`, { method: "PUT", body: content }),
      400,
      "DIGEST_INVALID",
    );
    for (const digest of [other, digestOf(content)])
      expect((await call(`/v2/blobs/bad/blobs/${digest}`)).status).toBe(404);
    for (const query of ["", "?digest=", "?digest=sha256:..%2F..%2Fx", "?digest=md5:00"]) {
      const put = await call((await begin("blobs/bad")) + query, { method: "PUT", body: content });
      await expectCode(put, 400, "DIGEST_INVALID");
    }
    await expectCode(
      await call("/v2/blobs/bad/blobs/uploads/?digest-algorithm=md5", { method: "POST" }),
      400,
      "DIGEST_INVALID",
    );
  });
}
