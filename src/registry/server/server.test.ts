import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testChecks, testPullThroughChecks } from "./protocol/checks/index.ts";
import { testRegistry } from "./protocol/suite/index.ts";
import { FileStore } from "./storage/files.ts";
import { MemoryStore } from "./storage/memory.ts";

const base = mkdtempSync(join(tmpdir(), "strake-registry-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

testRegistry("memory", async () => new MemoryStore());
// As over S3: behind the other listener.
testRegistry("memory behind node:http", async () =>
  Object.assign(new MemoryStore(), { kind: "s3" as const }),
);
testRegistry("files", () => FileStore.open(join(base, "data")));
testChecks("memory", async () => new MemoryStore());
testChecks("files", () => FileStore.open(join(base, "checks")));
testPullThroughChecks("memory", async () => new MemoryStore());
testPullThroughChecks("files", () => FileStore.open(join(base, "cache")));
