import { expect, test } from "bun:test";
import { digestOf, fresh, type Served } from "./served.ts";

/** Blobs that are in another repository already. */
export function testMount(served: Served): void {
  const { call, expectCode, pushBlob } = served;

  test("mount", async () => {
    const { digest } = await pushBlob("mount/from", fresh());
    expect((await call(`/v2/mount/to/blobs/${digest}`)).status).toBe(404);
    const mount = (query: string) => call(`/v2/mount/to/blobs/uploads/?mount=${query}`, { method: "POST" });
    expect((await mount(`${digest}&from=mount/nobody`)).status).toBe(202);
    const mounted = await mount(`${digest}&from=mount/from`);
    expect([mounted.status, mounted.headers.get("location")]).toEqual([201, `/v2/mount/to/blobs/${digest}`]);
    expect((await call(`/v2/mount/to/blobs/${digest}`)).status).toBe(200);
    const anonymous = await pushBlob("mount/from", fresh());
    expect((await mount(anonymous.digest)).status).toBe(201);
    expect((await mount(`${digestOf(fresh())}`)).status).toBe(202);
    await expectCode(await mount(`${digest}&from=..%2fx`), 400, "NAME_INVALID");
    await expectCode(await mount("sha256:x&from=mount/from"), 400, "DIGEST_INVALID");
  });
}
