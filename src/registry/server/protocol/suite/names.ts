import { expect, test } from "bun:test";
import type { Served } from "./served.ts";
import { raw } from "./socket.ts";

/** Repository names: hostile ones, and those that hold the words of the protocol. */
export function testNames(served: Served): void {
  const { call, pushImage } = served;

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
        const answer = await raw(served.port, `GET ${path}`);
        // Where the HTTP parser resolves dots, what is left names another path, which is refused as well.
        expect(answer).toMatch(/^HTTP\/1\.1 (400|404|405) /);
      }
    }
    const refused = await raw(served.port, "GET /v2/a%2e%2e/tags/list");
    expect(refused).toContain("NAME_INVALID");
  });

  test("hostile tags, digests and uploads lead nowhere", async () => {
    const { body } = await pushImage("names/hostile", "tag");
    const bad = [
      "..",
      "%2e%2e",
      "..%2f..%2fx",
      "%2e%2e%2f%2e%2e%2fx",
      "..%5cx",
      "%00",
      "tag%00",
      "sha256:..%2fx",
    ];
    const places = ["manifests", "blobs", "blobs/uploads", "referrers"];
    for (const last of bad)
      for (const place of places)
        for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE"]) {
          const line = `${method} /v2/names/hostile/${place}/${last}`;
          const length = `Content-Length: ${body.length}\r\nContent-Type: application/json`;
          const answer = await raw(served.port, line, `${length}\r\nConnection: close\r\n\r\n${body}`);
          expect([line, answer.slice(9, 12)]).toEqual([line, expect.stringMatching(/^40[045]$/)]);
        }
    expect(await (await call("/v2/names/hostile/manifests/tag")).text()).toBe(body);
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
}
