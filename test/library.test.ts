import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  build,
  Engine,
  load,
  parseDockerfile,
  parseReference,
  StrakeError,
  type StrakeEvent,
  save,
  Tree,
} from "../src/index.ts";

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "strake-library-"));
  mkdirSync(join(home, "context"));
  writeFileSync(join(home, "context", "hello.txt"), "hello\n");
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const at = (name: string) => ({ root: join(home, name), runRoot: join(home, `${name}-run`) });

test("a build as a function: no CLI, no root, no mount", async () => {
  const events: StrakeEvent[] = [];
  const { image, tags, steps } = await build({
    ...at("one"),
    context: join(home, "context"),
    dockerfile: 'FROM scratch\nCOPY hello.txt /a/b\nCMD ["/a/b"]\n',
    tags: ["made:1"],
    emit: (event) => events.push(event),
  });
  expect([tags, steps]).toEqual([["docker.io/library/made:1"], { done: 1, cached: 0 }]);
  expect(events.map(({ type }) => type)).toContain("step.started");
  using engine = Engine.open(at("one"));
  using tree = Tree.open(engine.store.layers.all(image.diffIDs));
  expect(Buffer.from(tree.readFile("/a/b")).toString()).toBe("hello\n");
  expect(engine.history("made:1").map(({ createdBy }) => createdBy)).toEqual([
    'CMD ["/a/b"]',
    "COPY hello.txt /a/b # buildkit",
  ]);
});

test("save into load, with an abort signal and errors that say what is wrong", async () => {
  const chunks: Uint8Array[] = [];
  await save(["made:1"], { ...at("one"), sink: (chunk) => void chunks.push(chunk.slice()) });
  const source = (async function* () {
    yield* chunks;
  })();
  const [loaded] = await load({ ...at("two"), source, tags: ["there:1"] });
  expect(loaded!.tags).toEqual(["docker.io/library/there:1"]);
  const error = await build({
    ...at("two"),
    signal: AbortSignal.abort(),
    dockerfile: "FROM there:1\nRUN true\n",
  }).catch((e) => e);
  expect(error).toBeInstanceOf(StrakeError);
  expect((error as StrakeError).code).toBe("CANCELED");
});

test("parsers without a store", () => {
  expect(parseDockerfile("FROM a\nRUN b\n").stages).toHaveLength(1);
  expect(parseReference("busybox").path).toBe("library/busybox");
});
