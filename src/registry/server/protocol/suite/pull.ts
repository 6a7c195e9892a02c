import { expect, test } from "bun:test";
import { fresh, type Served } from "./served.ts";

/** Ranges of a blob, and blobs the client has already. */
export function testPull(served: Served): void {
  const { call, pushBlob } = served;

  test.each([
    ["bytes=10-19", 206, "bytes 10-19/100", [10, 20]],
    ["bytes=90-", 206, "bytes 90-99/100", [90, 100]],
    ["bytes=-10", 206, "bytes 90-99/100", [90, 100]],
    ["bytes=90-500", 206, "bytes 90-99/100", [90, 100]],
    ["bytes=-500", 206, "bytes 0-99/100", [0, 100]],
    ["bytes=0-0,5-9", 200, null, [0, 100]],
    ["lines=1-2", 200, null, [0, 100]],
    ["bytes=50-0", 416, "bytes */100", undefined],
    ["bytes=100-", 416, "bytes */100", undefined],
    ["bytes=-0", 416, "bytes */100", undefined],
  ] as const)("Range: %s", async (range, status, contentRange, slice) => {
    const content = Array.from({ length: 50 }, (_, i) => String(i).padStart(2, "0")).join("");
    const { digest } = await pushBlob("blobs/range", content);
    const response = await call(`/v2/blobs/range/blobs/${digest}`, { headers: { Range: range } });
    expect([response.status, response.headers.get("content-range")]).toEqual([status, contentRange]);
    if (slice) {
      expect(response.headers.get("content-length")).toBe(String(slice[1] - slice[0]));
      expect(await response.text()).toBe(content.slice(...slice));
    }
    // Ranges are for GET alone (RFC 9110, 14.2).
    const head = await call(`/v2/blobs/range/blobs/${digest}`, {
      method: "HEAD",
      headers: { Range: range },
    });
    expect([head.status, head.headers.get("content-range")]).toEqual([200, null]);
    expect(head.headers.get("content-length")).toBe("100");
  });

  test("If-None-Match is answered with 304", async () => {
    const { digest } = await pushBlob("blobs/etag", fresh());
    for (const [condition, status] of [
      [`"${digest}"`, 304],
      [`W/"${digest}"`, 304],
      [`"other", W/"${digest}"`, 304],
      ["*", 304],
      [digest, 200],
      ['"other"', 200],
    ] as const) {
      const headers = { "If-None-Match": condition };
      for (const method of ["GET", "HEAD"]) {
        const answer = await call(`/v2/blobs/etag/blobs/${digest}`, { method, headers });
        expect([condition, method, answer.status]).toEqual([condition, method, status]);
      }
    }
  });
}
