import { expect, test } from "bun:test";
import { digestOf, type Served } from "./served.ts";

/** An upload is given up, and it is of nobody else. */
export function testUploadSessions(served: Served): void {
  const { call, expectCode, begin } = served;

  test("cancel", async () => {
    const location = await begin("blobs/cancel");
    expect((await call(location, { method: "DELETE" })).status).toBe(204);
    await expectCode(await call(location, { method: "PATCH", body: "x" }), 404, "BLOB_UPLOAD_UNKNOWN");
    await expectCode(await call(location, { method: "DELETE" }), 404, "BLOB_UPLOAD_UNKNOWN");
  });

  test("the upload of another repository is unknown, and so are names that are none", async () => {
    const location = await begin("blobs/mine");
    const elsewhere = location.replace("blobs/mine", "blobs/yours");
    for (const method of ["GET", "PATCH", "PUT", "DELETE"])
      expect((await call(`${elsewhere}?digest=${digestOf("")}`, { method })).status).toBe(404);
    expect((await call(location)).status).toBe(204);
    for (const id of ["x", "%2e%2e%2fx", "..%2f..%2fetc", crypto.randomUUID(), "%00"])
      expect((await call(`/v2/blobs/mine/blobs/uploads/${id}`)).status).toBe(404);
  });
}
