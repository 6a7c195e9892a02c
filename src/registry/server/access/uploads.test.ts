import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "../index.ts";
import { htpasswdLine } from "./htpasswd.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-upload-owner-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("an upload is its beginner's: of two who may push here, the other can neither see, continue, end nor cancel it", async () => {
  const htpasswd = join(folder, "htpasswd");
  const lines = ["ann", "bob"].map((name) => htpasswdLine({ name, password: name }, 4));
  writeFileSync(htpasswd, `${(await Promise.all(lines)).join("\n")}\n`);
  const policies = [{ repositories: ["team/*"], users: ["ann", "bob"], actions: ["pull", "push"] as const }];
  await using registry = await Registry.start({ rules: { htpasswd, policies } });
  const as = (name: string) => ({ authorization: `Basic ${btoa(`${name}:${name}`)}` });
  const call = (path: string, name: string, init: RequestInit = {}) =>
    fetch(new URL(path, registry.url), { ...init, headers: as(name) });

  const begun = await call("/v2/team/app/blobs/uploads/", "ann", { method: "POST" });
  const location = begun.headers.get("location")!;
  const digest = `sha256:${createHash("sha256").update("good").digest("hex")}`;
  expect((await call(location, "ann", { method: "PATCH", body: "go" })).status).toBe(202);
  for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
    const body = method === "PATCH" || method === "PUT" ? "evil" : undefined;
    const answer = await call(`${location}?digest=${digest}`, "bob", { method, ...(body ? { body } : {}) });
    expect([method, answer.status]).toEqual([method, 404]);
    expect(await answer.text()).toContain("BLOB_UPLOAD_UNKNOWN");
  }
  const ended = await call(`${location}?digest=${digest}`, "ann", { method: "PUT", body: "od" });
  expect(ended.status).toBe(201);
  expect(await (await call(`/v2/team/app/blobs/${digest}`, "bob")).text()).toBe("good");
});
