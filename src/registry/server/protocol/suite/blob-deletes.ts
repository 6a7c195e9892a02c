import { expect, test } from "bun:test";
import { fresh, type Served } from "./served.ts";

/** Deletion of blobs. */
export function testBlobDeletes(served: Served): void {
  const { call, expectCode, pushBlob } = served;

  test("delete takes it from this repository alone", async () => {
    const content = fresh();
    const { digest } = await pushBlob("blobs/delete", content);
    await pushBlob("blobs/keep", content);
    const remove = () => call(`/v2/blobs/delete/blobs/${digest}`, { method: "DELETE" });
    expect((await remove()).status).toBe(202);
    await expectCode(await remove(), 404, "BLOB_UNKNOWN");
    expect((await call(`/v2/blobs/delete/blobs/${digest}`)).status).toBe(404);
    expect(await (await call(`/v2/blobs/keep/blobs/${digest}`)).text()).toBe(content);
  });

  test("a pull goes on when the blob is deleted meanwhile", async () => {
    const content = new Uint8Array(20_000_000).fill(1);
    const { digest } = await pushBlob("blobs/pulling", content);
    const response = await call(`/v2/blobs/pulling/blobs/${digest}`);
    const reader = response.body!.getReader();
    let length = (await reader.read()).value!.byteLength;
    expect((await call(`/v2/blobs/pulling/blobs/${digest}`, { method: "DELETE" })).status).toBe(202);
    for (let next = await reader.read(); !next.done; next = await reader.read())
      length += next.value.byteLength;
    expect(length).toBe(content.byteLength);
  });
}
