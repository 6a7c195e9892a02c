import { afterAll, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PromisedFile } from "./promised-file.ts";

const home = mkdtempSync(join(tmpdir(), "strake-promised-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
let files = 0;
const newPath = () => join(home, `file${files++}`);

/** What a process that opens the file now reads; resolves when it has read all. */
function reader(path: string): Promise<string> {
  const child = Bun.spawn(["cat", path], { stdout: "pipe", stderr: "pipe" });
  return new Response(child.stdout).text();
}

test.each([0, 10, 64 << 10, 100_000, 1 << 20, 5 << 20])(
  "a reader who came first gets %d bytes",
  async (size) => {
    const path = newPath();
    using file = new PromisedFile(path);
    const early = reader(path);
    await Bun.sleep(50);
    const content = "x".repeat(size);
    file.keep(content);
    expect((await early) === content).toBe(true);
  },
);

test("who comes later, or a second time, finds a usual file", async () => {
  const path = newPath();
  {
    using file = new PromisedFile(path);
    file.keep("content");
    expect(await reader(path)).toBe("content");
  }
  expect(lstatSync(path).isFile()).toBe(true);
  expect(readFileSync(path, "utf8")).toBe("content");
});

test("a reader at any moment gets all of it", async () => {
  for (let i = 0; i < 40; i++) {
    const path = newPath();
    using file = new PromisedFile(path);
    const reading = reader(path);
    await Bun.sleep(Math.random() * 4);
    file.keep("content");
    expect(await reading).toBe("content");
  }
});

test("without content whoever waits reads the end, and nothing is left", async () => {
  const path = newPath();
  const waiting = (() => {
    using _ = new PromisedFile(path);
    const reading = reader(path);
    Bun.sleepSync(50);
    return reading;
  })();
  expect(await waiting).toBe("");
  expect(existsSync(path)).toBe(false);
});

test("much that nobody reads holds nobody up", async () => {
  const path = newPath();
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const before = descriptors();
  {
    using file = new PromisedFile(path);
    file.keep("x".repeat(5 << 20));
  }
  for (let i = 0; i < 200 && descriptors() > before; i++) await Bun.sleep(10);
  // What earlier tests had open may be closed meanwhile.
  expect(descriptors()).toBeLessThanOrEqual(before);
  expect(lstatSync(path).size).toBe(5 << 20);
});

test("when we are killed nobody waits for us, before or after", async () => {
  const path = newPath();
  const program = `import { PromisedFile } from ${JSON.stringify(join(import.meta.dir, "promised-file.ts"))};
    globalThis.file = new PromisedFile(${JSON.stringify(path)}); console.log("made"); setInterval(() => {}, 1000);`;
  const owner = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
  await owner.stdout.getReader().read();
  const early = reader(path);
  await Bun.sleep(50);
  owner.kill("SIGKILL");
  await owner.exited;
  expect(await early).toBe("");
  expect(await reader(path)).toBe("");
});

test("what is there already is not touched", () => {
  const path = newPath();
  using file = new PromisedFile(path);
  expect(() => new PromisedFile(path)).toThrow("EEXIST");
  file.keep("content");
  expect(readFileSync(path, "utf8")).toBe("content");
});
