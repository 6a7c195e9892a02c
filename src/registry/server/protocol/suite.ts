import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { connect } from "node:net";
import { mediaTypes } from "../../../oci/index.ts";
import { Registry } from "../server.ts";
import type { ObjectStore } from "../storage/object-store.ts";

const digestOf = (content: string | Uint8Array, algorithm = "sha256") =>
  `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;

let counter = 0;
/** Content nobody pushed before. */
const fresh = (size = 100) => `${counter++}`.padEnd(size, "x");

/** What the distribution-spec asks of a registry, over real sockets, for any storage. */
export function testRegistry(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name}: registry`, () => {
    let registry: Registry;
    beforeAll(async () => {
      registry = await Registry.start({ storage: await open() });
    });
    afterAll(() => registry.stop({ grace: 100 }));

    const call = (path: string, init: RequestInit = {}) => fetch(new URL(path, registry.url), init);
    const code = async (response: Response) =>
      ((await response.json()) as { errors: { code: string }[] }).errors[0]!.code;
    const expectCode = async (response: Response, status: number, expected: string) => {
      expect([response.status, await code(response)]).toEqual([status, expected]);
    };

    async function begin(repository: string, query = ""): Promise<string> {
      const response = await call(`/v2/${repository}/blobs/uploads/${query}`, { method: "POST" });
      expect(response.status).toBe(202);
      return response.headers.get("location")!;
    }
    async function pushBlob(repository: string, content: string | Uint8Array, algorithm = "sha256") {
      const digest = digestOf(content, algorithm);
      const response = await call(`/v2/${repository}/blobs/uploads/?digest=${digest}`, {
        method: "POST",
        body: content as string,
      });
      expect(response.status).toBe(201);
      return { mediaType: mediaTypes.ociLayer, digest, size: Buffer.byteLength(content) };
    }
    async function imageOf(repository: string, extra: object = {}) {
      const config = { ...(await pushBlob(repository, fresh())), mediaType: mediaTypes.ociConfig };
      const layers = [await pushBlob(repository, fresh())];
      // Bytes that no encoder would produce: what comes back has to be these and no others.
      return JSON.stringify(
        { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers, ...extra },
        null,
        3,
      );
    }
    const putManifest = (
      repository: string,
      reference: string,
      body: string,
      type: string = mediaTypes.ociManifest,
    ) =>
      call(`/v2/${repository}/manifests/${reference}`, {
        method: "PUT",
        body,
        headers: { "Content-Type": type },
      });
    async function pushImage(repository: string, reference?: string, extra: object = {}) {
      const body = await imageOf(repository, extra);
      const digest = digestOf(body);
      const response = await putManifest(repository, reference ?? digest, body);
      expect(response.status).toBe(201);
      return { body, digest, response };
    }

    test("the base answers, other paths do not", async () => {
      const base = await call("/v2/");
      expect([base.status, base.headers.get("docker-distribution-api-version")]).toEqual([
        200,
        "registry/2.0",
      ]);
      for (const path of ["/v2/a", "/v2/a/b", "/v1/", "/v2/a/unknown/x", "/v2/_unknown", "/"])
        expect((await call(path)).status).toBe(404);
      expect((await call("/v2/", { method: "DELETE" })).status).toBe(405);
    });

    describe("blobs", () => {
      test.each(["sha256", "sha512"])("POST with a digest, %s", async (algorithm) => {
        const content = fresh();
        const { digest } = await pushBlob("blobs/post", content, algorithm);
        const head = await call(`/v2/blobs/post/blobs/${digest}`, { method: "HEAD" });
        expect(head.headers.get("content-length")).toBe("100");
        expect(head.headers.get("docker-content-digest")).toBe(digest);
        const get = await call(`/v2/blobs/post/blobs/${encodeURIComponent(digest)}`);
        expect(await get.text()).toBe(content);
      });

      test.each(["sha256", "sha512"])(
        "POST, then PUT, %s without being told so before",
        async (algorithm) => {
          const content = fresh();
          const digest = digestOf(content, algorithm);
          const put = await call(`${await begin("blobs/put")}?digest=${digest}`, {
            method: "PUT",
            body: content,
          });
          expect([put.status, put.headers.get("location")]).toEqual([201, `/v2/blobs/put/blobs/${digest}`]);
          expect(await (await call(`/v2/blobs/put/blobs/${digest}`)).text()).toBe(content);
        },
      );

      test("an empty blob", async () => {
        const { digest } = await pushBlob("blobs/empty", "");
        const get = await call(`/v2/blobs/empty/blobs/${digest}`);
        expect([get.status, get.headers.get("content-length"), await get.text()]).toEqual([200, "0", ""]);
      });

      test("chunks in order, the last with the PUT; out of order is 416 and harms nothing", async () => {
        const content = fresh(30);
        const location = await begin("blobs/chunks", "?digest-algorithm=sha256");
        const chunk = (method: string, range: string, body: string, query = "") =>
          call(location + query, { method, body, headers: { "Content-Range": range } });
        const first = await chunk("PATCH", "0-9", content.slice(0, 10));
        expect([first.status, first.headers.get("range")]).toEqual([202, "0-9"]);
        for (const range of ["0-9", "20-29", "9-19", "11-20"]) {
          const refused = await chunk("PATCH", range, content.slice(0, 10));
          expect([refused.status, refused.headers.get("range")]).toEqual([416, "0-9"]);
        }
        expect((await chunk("PUT", "20-29", content.slice(20), `?digest=${digestOf(content)}`)).status).toBe(
          416,
        );
        expect((await chunk("PATCH", "nonsense", "x")).status).toBe(416);
        expect((await chunk("PATCH", "10-29", content.slice(10, 20))).status).toBe(400);
        const status = await call(location);
        expect([status.status, status.headers.get("range")]).toEqual([204, "0-9"]);
        expect(status.headers.get("location")).toBe(location);
        await chunk("PATCH", "10-19", content.slice(10, 20));
        const put = await chunk("PUT", "20-29", content.slice(20), `?digest=${digestOf(content)}`);
        expect(put.status).toBe(201);
        expect(await (await call(`/v2/blobs/chunks/blobs/${digestOf(content)}`)).text()).toBe(content);
        expect((await call(location)).status).toBe(404);
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

      test("mount", async () => {
        const { digest } = await pushBlob("mount/from", fresh());
        expect((await call(`/v2/mount/to/blobs/${digest}`)).status).toBe(404);
        const mount = (query: string) =>
          call(`/v2/mount/to/blobs/uploads/?mount=${query}`, { method: "POST" });
        expect((await mount(`${digest}&from=mount/nobody`)).status).toBe(202);
        const mounted = await mount(`${digest}&from=mount/from`);
        expect([mounted.status, mounted.headers.get("location")]).toEqual([
          201,
          `/v2/mount/to/blobs/${digest}`,
        ]);
        expect((await call(`/v2/mount/to/blobs/${digest}`)).status).toBe(200);
        const anonymous = await pushBlob("mount/from", fresh());
        expect((await mount(anonymous.digest)).status).toBe(201);
        expect((await mount(`${digestOf(fresh())}`)).status).toBe(202);
        await expectCode(await mount(`${digest}&from=..%2fx`), 400, "NAME_INVALID");
        await expectCode(await mount("sha256:x&from=mount/from"), 400, "DIGEST_INVALID");
      });

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
        const head = await call(`/v2/blobs/range/blobs/${digest}`, {
          method: "HEAD",
          headers: { Range: range },
        });
        expect([head.status, head.headers.get("content-range")]).toEqual([status, contentRange]);
      });

      test("If-None-Match is answered with 304", async () => {
        const { digest } = await pushBlob("blobs/etag", fresh());
        const headers = { "If-None-Match": `"${digest}"` };
        expect((await call(`/v2/blobs/etag/blobs/${digest}`, { headers })).status).toBe(304);
      });

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

      test("a connection that ends early keeps what came, and the upload goes on", async () => {
        const location = await begin("blobs/cut");
        await cut(registry, `PATCH ${location}`, 1_000_000, "a".repeat(1000));
        // The server learns of the end when it next reads.
        let received = 0;
        for (let i = 0; i < 100 && received === 0; i++) {
          await Bun.sleep(10);
          received = Number((await call(location)).headers.get("range")!.slice(2));
        }
        expect(received).toBe(999);
        const content = "a".repeat(1000) + "b".repeat(10);
        let patched: Response;
        do {
          patched = await call(location, {
            method: "PATCH",
            body: "b".repeat(10),
            headers: { "Content-Range": "1000-1009" },
          });
        } while (patched.status === 429);
        expect(patched.status).toBe(202);
        expect((await call(`${location}?digest=${digestOf(content)}`, { method: "PUT" })).status).toBe(201);
        expect(await (await call(`/v2/blobs/cut/blobs/${digestOf(content)}`)).text()).toBe(content);
      });

      test("a whole blob cut short is not there", async () => {
        const content = fresh(5000);
        const target = `POST /v2/blobs/cut/blobs/uploads/?digest=${digestOf(content)}`;
        await cut(registry, target, 5000, content.slice(0, 2500));
        expect((await call(`/v2/blobs/cut/blobs/${digestOf(content)}`)).status).toBe(404);
      });
    });

    describe("manifests", () => {
      test("exact bytes, exact type, by tag and by digest", async () => {
        const { body, digest, response } = await pushImage("manifests/exact", "v1");
        expect(response.headers.get("docker-content-digest")).toBe(digest);
        expect(response.headers.get("location")).toBe(`/v2/manifests/exact/manifests/${digest}`);
        for (const reference of ["v1", digest, encodeURIComponent(digest)]) {
          for (const method of ["GET", "HEAD"]) {
            const got = await call(`/v2/manifests/exact/manifests/${reference}`, { method });
            expect(got.headers.get("content-type")).toBe(mediaTypes.ociManifest);
            expect(got.headers.get("docker-content-digest")).toBe(digest);
            expect(got.headers.get("content-length")).toBe(String(body.length));
            expect(await got.text()).toBe(method === "GET" ? body : "");
          }
        }
      });

      test("parameters of the Content-Type are cut, Docker's types are kept", async () => {
        const docker = JSON.parse(await imageOf("manifests/types"));
        delete docker.mediaType;
        const body = JSON.stringify(docker);
        await putManifest("manifests/types", "d", body, `${mediaTypes.dockerManifest}; charset=utf-8`);
        const got = await call("/v2/manifests/types/manifests/d");
        expect(got.headers.get("content-type")).toBe(mediaTypes.dockerManifest);
      });

      test("a digest with many tags", async () => {
        const body = await imageOf("manifests/tags");
        const tags = Array.from({ length: 12 }, (_, i) => `t${i}`);
        const query = tags.map((tag) => `tag=${tag}`).join("&");
        const digest = digestOf(body, "sha512");
        const put = await putManifest("manifests/tags", `${digest}?${query}`, body);
        expect([put.status, put.headers.get("oci-tag")]).toEqual([201, tags.join(", ")]);
        for (const tag of tags) {
          const got = await call(`/v2/manifests/tags/manifests/${tag}`, { method: "HEAD" });
          expect(got.headers.get("docker-content-digest")).toBe(digest);
        }
        expect((await putManifest("manifests/tags", `${digest}?tag=-x`, body)).status).toBe(400);
      });

      test("a tag moves, and what it pointed to stays", async () => {
        const first = await pushImage("manifests/move", "latest");
        const second = await pushImage("manifests/move", "latest");
        expect(await (await call("/v2/manifests/move/manifests/latest")).text()).toBe(second.body);
        expect(await (await call(`/v2/manifests/move/manifests/${first.digest}`)).text()).toBe(first.body);
      });

      test("a manifest of 4 MiB is taken, a larger one is 413", async () => {
        const room = (size: number) => ({ annotations: { large: "a".repeat(size) } });
        const base = (await imageOf("manifests/large", room(0))).length;
        const body = await imageOf("manifests/large", room((4 << 20) - base - 10));
        expect((await putManifest("manifests/large", "fits", body)).status).toBe(201);
        expect((await (await call("/v2/manifests/large/manifests/fits")).text()).length).toBe(body.length);
        const larger = await imageOf("manifests/large", room(4 << 20));
        await expectCode(await putManifest("manifests/large", "not", larger), 413, "SIZE_INVALID");
      });

      test("what is no manifest is refused", async () => {
        const good = JSON.parse(await imageOf("manifests/bad"));
        const both = { ...good, manifests: [] };
        const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };
        const schema1 = { schemaVersion: 1, name: "x", tag: "y", fsLayers: [], history: [] };
        const cases: [unknown, string][] = [
          ["{", mediaTypes.ociManifest],
          ["", mediaTypes.ociManifest],
          [[], mediaTypes.ociManifest],
          [both, mediaTypes.ociManifest], // CVE-2021-41190
          [good, mediaTypes.ociIndex],
          [index, mediaTypes.ociManifest],
          [{ ...both, mediaType: undefined }, mediaTypes.ociIndex],
          [schema1, mediaTypes.dockerSchema1Signed],
          [schema1, mediaTypes.dockerSchema1],
          [schema1, mediaTypes.dockerManifest],
          [good, "text/html"],
          [{ ...good, layers: [{ ...good.layers[0], digest: "sha256:../../x" }] }, mediaTypes.ociManifest],
          [{ ...good, layers: [{ ...good.layers[0], size: 5 }] }, mediaTypes.ociManifest],
        ];
        for (const [document, type] of cases) {
          const body = typeof document === "string" ? document : JSON.stringify(document);
          await expectCode(await putManifest("manifests/bad", "x", body, type), 400, "MANIFEST_INVALID");
        }
        const text = JSON.stringify(good);
        await expectCode(await putManifest("manifests/bad", digestOf("other"), text), 400, "DIGEST_INVALID");
        await expectCode(await putManifest("manifests/bad", "sha256:baddigest", text), 400, "DIGEST_INVALID");
        await expectCode(await putManifest("manifests/bad", ".x", text), 400, "TAG_INVALID");
        await expectCode(await putManifest("manifests/bad", "t".repeat(129), text), 400, "TAG_INVALID");
        expect((await call("/v2/manifests/bad/tags/list")).status).toBe(404);
      });

      test("blobs that are not in the repository, layers that need not be", async () => {
        const body = await imageOf("manifests/from");
        await expectCode(await putManifest("manifests/other", "x", body), 404, "MANIFEST_BLOB_UNKNOWN");
        const foreign = {
          mediaType: mediaTypes.ociForeignLayerGzip,
          digest: digestOf(fresh()),
          size: 5,
          urls: ["https://x.example/y"],
        };
        const good = JSON.parse(body);
        const layers = [...good.layers, foreign];
        expect((await putManifest("manifests/from", "x", JSON.stringify({ ...good, layers }))).status).toBe(
          201,
        );
      });

      test("an index, and a warning for what it names and is not here", async () => {
        const { digest, body } = await pushImage("manifests/index");
        const entry = { mediaType: mediaTypes.ociManifest, digest, size: body.length };
        const index = (...manifests: unknown[]) =>
          JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
        const whole = await putManifest("manifests/index", "whole", index(entry), mediaTypes.ociIndex);
        expect([whole.status, whole.headers.get("warning")]).toEqual([201, null]);
        const absent = { ...entry, digest: digestOf(fresh()) };
        const sparse = await putManifest(
          "manifests/index",
          "sparse",
          index(entry, absent),
          mediaTypes.ociIndex,
        );
        expect(sparse.status).toBe(201);
        expect(sparse.headers.get("warning")).toBe(
          `299 - "the index names ${absent.digest}, which is not in this repository"`,
        );
      });

      test("missing ones are 404, malformed digests 400", async () => {
        const path = "/v2/manifests/exact/manifests";
        for (const reference of ["missing", ".INVALID", digestOf("missing")])
          await expectCode(await call(`${path}/${reference}`), 404, "MANIFEST_UNKNOWN");
        await expectCode(await call(`${path}/sha256:x`), 400, "DIGEST_INVALID");
        await expectCode(await call(`/v2/manifests/exact/blobs/sha256:x`), 400, "DIGEST_INVALID");
      });

      test("delete: a tag alone, a manifest with its tags", async () => {
        const { digest, body } = await pushImage("manifests/delete", "a");
        await putManifest("manifests/delete", "b", body);
        const other = await pushImage("manifests/delete", "c");
        const remove = (reference: string) =>
          call(`/v2/manifests/delete/manifests/${reference}`, { method: "DELETE" });
        const tags = async () =>
          ((await (await call("/v2/manifests/delete/tags/list")).json()) as { tags: string[] }).tags;
        expect((await remove("a")).status).toBe(202);
        expect((await call("/v2/manifests/delete/manifests/a")).status).toBe(404);
        expect((await call(`/v2/manifests/delete/manifests/${digest}`)).status).toBe(200);
        expect(await tags()).toEqual(["b", "c"]);
        expect((await remove(digest)).status).toBe(202);
        for (const reference of [digest, "b"])
          expect((await call(`/v2/manifests/delete/manifests/${reference}`)).status).toBe(404);
        expect(await tags()).toEqual(["c"]);
        for (const reference of ["a", digest, "nothing"])
          await expectCode(await remove(reference), 404, "MANIFEST_UNKNOWN");
        await remove(other.digest);
        expect((await call("/v2/manifests/delete/tags/list")).status).toBe(404);
        const { repositories } = (await (await call("/v2/_catalog")).json()) as { repositories: string[] };
        expect(repositories).not.toContain("manifests/delete");
      });
    });

    describe("lists", () => {
      const next = (response: Response) =>
        /^<(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];

      test("tags, sorted and in pages", async () => {
        const body = await imageOf("lists/tags");
        const tags = ["B", "a", "a-1", "a.1", "a1", "b", "z_"];
        for (const tag of [...tags].reverse()) await putManifest("lists/tags", tag, body);
        const all = await call("/v2/lists/tags/tags/list");
        expect(await all.json()).toEqual({ name: "lists/tags", tags: [...tags].sort() });
        expect(next(all)).toBeUndefined();
        const seen: string[] = [];
        let pages = 0;
        for (let path: string | undefined = "/v2/lists/tags/tags/list?n=3"; path; pages++) {
          const page = await call(path);
          seen.push(...((await page.json()) as { tags: string[] }).tags);
          path = next(page);
        }
        expect([seen, pages]).toEqual([[...tags].sort(), 3]);
        const list = async (query: string) => {
          const response = await call(`/v2/lists/tags/tags/list?${query}`);
          return [((await response.json()) as { tags: string[] }).tags, next(response)];
        };
        expect(await list("n=0")).toEqual([[], undefined]);
        expect(await list("last=a1")).toEqual([["b", "z_"], undefined]);
        expect(await list("last=a0&n=1")).toEqual([["a1"], "/v2/lists/tags/tags/list?n=1&last=a1"]);
        expect(await list("last=zz")).toEqual([[], undefined]);
        expect(((await list("n=1000000000")) as [string[]])[0]).toHaveLength(7);
        for (const query of ["n=-1", "n=x", "n=1e9"])
          expect((await call(`/v2/lists/tags/tags/list?${query}`)).status).toBe(400);
        await expectCode(await call("/v2/lists/nobody/tags/list"), 404, "NAME_UNKNOWN");
      });

      test("the catalog, in pages; CVE-2023-2253: n of a thousand million", async () => {
        for (const name of ["lists/c", "lists/c/d", "lists/c-d"]) await pushImage(name, "x");
        const all = ((await (await call("/v2/_catalog?n=1000000000")).json()) as { repositories: string[] })
          .repositories;
        expect(all.filter((name) => name.startsWith("lists/c"))).toEqual([
          "lists/c",
          "lists/c/d",
          "lists/c-d",
        ]);
        const seen: string[] = [];
        for (let path: string | undefined = "/v2/_catalog?n=2"; path; ) {
          const page = await call(path);
          seen.push(...((await page.json()) as { repositories: string[] }).repositories);
          path = next(page);
        }
        expect(seen).toEqual(all);
        expect((await call("/v2/_catalog?n=-1")).status).toBe(400);
      });

      test("referrers", async () => {
        const subject = { mediaType: mediaTypes.ociManifest, digest: digestOf(fresh()), size: 5 };
        const list = async (query = "") => {
          const response = await call(`/v2/lists/ref/referrers/${subject.digest}${query}`);
          expect([response.status, response.headers.get("content-type")]).toEqual([200, mediaTypes.ociIndex]);
          const { manifests } = (await response.json()) as { manifests: Record<string, unknown>[] };
          return { manifests, response };
        };
        expect((await list()).manifests).toEqual([]);
        const pushed = new Map<string, Awaited<ReturnType<typeof pushImage>>>();
        for (const kind of ["one", "two", "three"]) {
          const extra = { subject, artifactType: `application/x-${kind}`, annotations: { kind } };
          const image = await pushImage("lists/ref", undefined, kind === "three" ? { subject } : extra);
          expect(image.response.headers.get("oci-subject")).toBe(subject.digest);
          pushed.set(kind, image);
        }
        const { manifests } = await list();
        expect(manifests.map((entry) => entry.digest).sort()).toEqual(
          [...pushed.values()].map((p) => p.digest).sort(),
        );
        const one = pushed.get("one")!;
        expect(manifests).toContainEqual({
          mediaType: mediaTypes.ociManifest,
          digest: one.digest,
          size: one.body.length,
          artifactType: "application/x-one",
          annotations: { kind: "one" },
        });
        // Without an artifactType of its own an image counts as what its config is.
        const three = manifests.find((entry) => entry.digest === pushed.get("three")!.digest)!;
        expect(three.artifactType).toBe(mediaTypes.ociConfig);
        const filtered = await list("?artifactType=application/x-one");
        expect(filtered.manifests.map((entry) => entry.digest)).toEqual([one.digest]);
        expect(filtered.response.headers.get("oci-filters-applied")).toBe("artifactType");
        const seen: unknown[] = [];
        for (let query: string | undefined = "?n=1"; query; ) {
          const page = await list(query);
          expect(page.manifests.length).toBe(1);
          seen.push(...page.manifests);
          query = next(page.response)?.replace(/^[^?]*/, "");
        }
        expect(seen).toEqual(manifests);
        await call(`/v2/lists/ref/manifests/${one.digest}`, { method: "DELETE" });
        expect((await list()).manifests).toHaveLength(2);
        expect((await call("/v2/lists/ref/referrers/sha256:x")).status).toBe(400);
        expect((await call(`/v2/lists/nobody/referrers/${subject.digest}`)).status).toBe(200);
      });

      test("referrers that clients listed under the tag schema are folded in", async () => {
        const subject = digestOf(fresh());
        const api = await pushImage("lists/fold", undefined, {
          subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: 5 },
        });
        const old = await pushImage("lists/fold");
        const entry = (image: typeof api) => ({
          mediaType: mediaTypes.ociManifest,
          digest: image.digest,
          size: image.body.length,
          artifactType: "application/x-old",
        });
        const index = JSON.stringify({
          schemaVersion: 2,
          mediaType: mediaTypes.ociIndex,
          manifests: [entry(old), entry(api)],
        });
        await putManifest("lists/fold", subject.replace(":", "-"), index, mediaTypes.ociIndex);
        const listed = await (await call(`/v2/lists/fold/referrers/${subject}`)).json();
        const { manifests } = listed as { manifests: { digest: string }[] };
        expect(manifests.map(({ digest }) => digest).sort()).toEqual([api.digest, old.digest].sort());
      });
    });

    test("hostile names", async () => {
      const names = [
        "..",
        "a/../../b",
        "%2e%2e",
        "a%2fb",
        "A",
        "a//b",
        "_x",
        "a/_tags",
        "a/.b",
        "-a",
        "a".repeat(256),
      ];
      for (const bad of names) {
        for (const path of [`/v2/${bad}/manifests/x`, `/v2/${bad}/tags/list`, `/v2/${bad}/blobs/uploads/`]) {
          const answer = await raw(registry, `GET ${path}`);
          // Where the HTTP parser resolves dots, what is left names another path, which is refused as well.
          expect(answer).toMatch(/^HTTP\/1\.1 (400|404|405) /);
        }
      }
      const refused = await raw(registry, "GET /v2/a%2e%2e/tags/list");
      expect(refused).toContain("NAME_INVALID");
    });

    test("a Content-Length that lies: what is beyond it is no content, two lengths are none", async () => {
      const target = `POST /v2/lies/blobs/uploads/?digest=${digestOf("hello")}`;
      const answers = async (headers: string, body: string) =>
        [...(await raw(registry, target, `${headers}\r\n\r\n${body}`)).matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(
          ([, status]) => status,
        );
      const beyond = "hello, and what is beyond the length";
      expect(await answers("Content-Length: 5\r\nConnection: close", beyond)).toEqual(["201"]);
      const chunked = "Transfer-Encoding: chunked";
      for (const headers of [
        `Content-Length: 5\r\n${chunked}`,
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -5",
        chunked,
      ])
        expect(await answers(headers, "ZZ\r\nhello\r\n0\r\n\r\n")).toEqual(["400"]);
    });

    test("a name may hold the protocol's own words", async () => {
      const repository = "blobs/uploads/manifests/tags/list";
      const { body } = await pushImage(repository, "list");
      expect(await (await call(`/v2/${repository}/manifests/list`)).text()).toBe(body);
      expect(await (await call(`/v2/${repository}/tags/list`)).json()).toEqual({
        name: repository,
        tags: ["list"],
      });
    });

    test("pushes of one tag at once: one of them has it at the end, none fails", async () => {
      const bodies = await Promise.all(Array.from({ length: 6 }, () => imageOf("race/tag")));
      const puts = await Promise.all(bodies.map((body) => putManifest("race/tag", "x", body)));
      expect(puts.map((put) => put.status)).toEqual(bodies.map(() => 201));
      expect(bodies).toContain(await (await call("/v2/race/tag/manifests/x")).text());
    });

    test("health and metrics", async () => {
      expect((await call("/healthz")).status).toBe(200);
      expect((await call("/readyz")).status).toBe(200);
      const metrics = await (await call("/metrics")).text();
      expect(metrics).toMatch(
        /^strake_registry_requests_total\{route="blob",method="GET",code="200"\} \d+$/m,
      );
      expect(metrics).toMatch(/^strake_registry_events_total\{type="manifest.pushed"\} \d+$/m);
      for (const line of metrics.trim().split("\n"))
        expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{[^{}]*\})? [0-9.e+-]+)$/);
    });
  });
}

/** Sends a request that promises more than it sends, and hangs up. */
function cut(registry: Registry, target: string, promised: number, sent: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(registry.port, "127.0.0.1", () => {
      socket.write(`${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${promised}\r\n\r\n${sent}`, () =>
        setTimeout(() => socket.destroy(), 50),
      );
    });
    socket.on("close", () => resolve());
    socket.on("error", reject);
  });
}

/** The answer to a request line as it is, with nothing resolved on the way. */
function raw(registry: Registry, line: string, rest = "Connection: close\r\n\r\n"): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(registry.port, "127.0.0.1", () =>
      socket.write(`${line} HTTP/1.1\r\nHost: x\r\n${rest}`),
    );
    socket.on("data", (data) => {
      answer += data;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}
