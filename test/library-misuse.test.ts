import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, StrakeError } from "../src/index.ts";

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "strake-misuse-"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const at = (name: string) => ({ root: join(home, name), runRoot: join(home, `${name}-run`) });

/** What a call throws or rejects with, as `CODE: message`; anything but a StrakeError as itself. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    return { value: await call() };
  } catch (error) {
    return error instanceof StrakeError ? `${error.code}: ${error.message}` : error;
  }
}

test("an engine that was closed says so, whatever it is asked for", async () => {
  const engine = Engine.open(at("closed"));
  const { store } = engine;
  const containers = await engine.containers();
  engine.close();
  engine[Symbol.dispose]();
  engine.close();
  const calls = [
    () => engine.images(),
    () => engine.tag("a", "b"),
    () => engine.pull({ reference: "registry.invalid/a" }),
    () => engine.build({ dockerfile: "FROM scratch\nCOPY a /\n" }),
    () => engine.load({ source: (async function* () {})() }),
    () => engine.containers().then((all) => all.list()),
    () => containers.list(),
    () => store.images.list(),
    () => store.gc(),
  ];
  for (const call of calls)
    expect(await failure(call)).toBe(`STORE_CLOSED: the store ${at("closed").root} was closed`);
});

test("what runs while its engine is closed ends with that", async () => {
  const engine = Engine.open(at("under"));
  const context = (async function* () {
    engine.close();
    yield new Uint8Array(1024);
  })();
  expect(await failure(() => engine.import({ source: context }))).toMatch(/^STORE_CLOSED: /);
});
