import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { type FaultShop, makeFaultShop } from "../support/fault-shop.ts";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";
import { lastingTraces } from "../support/traces.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/faults/bad-input.test.ts skipped: ${obstacle}`);

const clean = { code: 0, problems: [] };

describe.skipIf(obstacle !== undefined)("bad input", () => {
  let shop: FaultShop;
  beforeAll(async () => {
    shop = await makeFaultShop();
  });
  afterAll(async () => await shop?.remove());

  test.each<[string, string, number, RegExp]>([
    ["a missing file in COPY", "FROM busybox:1\nENV a=b\nCOPY missing.txt .\n", 3, /missing\.txt/],
    ["one that is nearly there", "FROM busybox:1\nCOPY a.txr .\n", 2, /a\.txt/],
    ["a missing file of another stage", "FROM busybox:1\nCOPY --from=busybox:1 /none /\n", 2, /none/],
    ["an unknown instruction", "FROM busybox:1\nRNU true\n", 2, /did you mean RUN/],
    ["an unknown flag", "FROM busybox:1\nCOPY --chwon=1 a.txt /\n", 2, /mean chown/],
    ["a base that does not exist", "ARG v=1\nFROM busybos:$v\n", 2, /did you mean busybox:1/],
    ["a base whose variable is not set", "FROM busybox:$V\n", 1, /becomes "busybox:"[\s\S]*V is not set/],
    ["a file outside the context", "FROM busybox:1\nCOPY ../a.txr /\n", 2, /below the context/],
    [
      "a stage number too high in a stage that nobody needs",
      "FROM busybox:1 AS a\nCOPY --from=9 /x /x\nFROM busybox:1\n",
      2,
      /2 stages, counted from 0/,
    ],
    ["an unknown stage", "FROM busybox:1\nCOPY --from=none /a /\n", 2, /none/],
    [
      "a RUN that fails",
      "FROM busybox:1\nCOPY a.txt /\nRUN echo why >&2; exit 7\n",
      3,
      /exit code 7[\s\S]*why/,
    ],
    ["a RUN of nothing", 'FROM busybox:1\nRUN ["/nothing"]\n', 2, /nothing/],
    ["an archive that is cut off", "FROM busybox:1\nADD cut.tar.gz /\n", 2, /ends/],
  ])("%s: line, excerpt, exit code, nothing left", async (_, dockerfile, line, said) => {
    const tar = Bun.spawnSync(["tar", "-C", shop.home, "-cz", "root/strake.db"]).stdout;
    writeFileSync(join(shop.context, "cut.tar.gz"), tar.subarray(0, tar.length / 2));
    await shop.ok("gc", "--cache");
    const before = shop.stored();
    const { code, stdout, stderr } = await shop.build(dockerfile, "-t", "never");
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toMatch(said);
    expect(stderr).toContain(`Dockerfile:${line}\n`);
    expect(stderr).toContain(`${line} | >>> ${dockerfile.split("\n")[line - 1]}`);
    expect(stderr).not.toContain("INTERNAL");
    expect(await shop.ok("images", "-q", "never")).toBe("");
    expect(await shop.verify()).toEqual(clean);
    // What steps before the failed one made is kept by the cache alone, for the next attempt.
    await shop.ok("gc", "--cache");
    expect(shop.stored()).toEqual(before);
    expect(await lastingTraces(shop.home)).toEqual([]);
  });

  test.each(["load", "import"] as const)(
    "%s of a damaged archive: an error, nothing left",
    async (command) => {
      const from = (bytes: Uint8Array) =>
        shop.run(command === "load" ? ["load"] : ["import", "-", "never:1"], { stdin: bytes });
      const whole = new Uint8Array(readFileSync(await saved(shop)));
      const packed = gzipSync(whole);
      const tarred = gzipSync(Bun.spawnSync(["tar", "-C", shop.context, "-c", "."]).stdout);
      const noise = Buffer.alloc(100_000, "noise ");
      const before = shop.stored();
      const cases: [string, Uint8Array][] = [
        ["nothing", new Uint8Array()],
        ["noise", noise],
        ["half a tar", whole.subarray(0, 1_000_000)],
        ["half a packed tar", packed.subarray(0, packed.length / 2)],
        ["a packed tar with another end", Buffer.concat([tarred.subarray(0, tarred.length - 8), noise])],
      ];
      for (const [name, bytes] of cases) {
        const { code, stdout, stderr } = await from(bytes);
        expect([name, code, stdout, stderr]).toEqual([name, 1, "", expect.stringMatching(/^error: /)]);
        expect([name, await shop.verify(), shop.stored()]).toEqual([name, clean, before]);
      }
      expect(await shop.ok("images", "-q", "never")).toBe("");
    },
  );

  test("load: one bit in a layer, a config or the manifest is seen", async () => {
    const other = makeStrake();
    try {
      const whole = readFileSync(await saved(shop));
      for (const text of ["root:x:0:0", '"diff_ids"', '"schemaVersion"', "RepoTags"]) {
        const at = whole.indexOf(text);
        expect([text, at]).not.toEqual([text, -1]);
        const bytes = Buffer.from(whole);
        bytes[at + 2]! ^= 1;
        const { code, stdout } = await other.run(["load"], { stdin: bytes });
        // The manifest of the older format may say nothing: the newer one is beside it.
        if (text !== "RepoTags") expect([text, code, stdout]).toEqual([text, 1, ""]);
        await other
          .ok("rmi", "-f", ...(await other.ok("images", "-q")).split("\n").filter(Boolean))
          .catch(String);
        expect(await other.ok("gc", "--verify")).toContain("clean");
      }
    } finally {
      await other.remove();
    }
  });

  test("what cannot be made leaves no half file behind", async () => {
    const target = join(shop.home, "nothing.tar");
    expect((await shop.run(["save", "-o", target, "busybox:1", "no-such-image"])).code).toBe(1);
    expect(existsSync(target)).toBe(false);
  });
});

describe.skipIf(obstacle !== undefined)("damage in the store", () => {
  let shop: FaultShop;
  beforeAll(async () => {
    shop = await makeFaultShop();
  });
  afterAll(async () => await shop?.remove());

  const layer = () => {
    const layers = join(shop.home, "root/layers");
    return join(layers, readdirSync(layers)[0]!);
  };

  test("gc --verify finds what nobody owns, and what lost or changed its bytes", async () => {
    expect(await shop.verify()).toEqual(clean);
    const root = join(shop.home, "root");
    const stranger = join(root, "stranger");
    writeFileSync(stranger, "");
    const found = await shop.verify();
    expect([found.code, found.problems]).toEqual([1, [expect.stringContaining(stranger)]]);
    rmSync(stranger);
    const orphan = join(root, "layers", "0".repeat(64), "layer.tar");
    mkdirSync(dirname(orphan));
    writeFileSync(orphan, "orphan");
    const dry = await shop.run(["gc", "--verify", "--dry-run"]);
    expect([dry.code, dry.stdout]).toEqual([1, expect.stringContaining(dirname(orphan))]);
    expect(await shop.verify()).toEqual(clean);
    expect(existsSync(orphan)).toBe(false);
    for (const file of ["layer.tar", "layer.erofs"]) await withDamage(shop, join(layer(), file), "cut");
    await withDamage(shop, join(layer(), "layer.tar"), "changed");
    const blob = join(root, "blobs/sha256", readdirSync(join(root, "blobs/sha256"))[0]!);
    for (const damage of ["cut", "changed", "gone"] as const) await withDamage(shop, blob, damage);
    expect(await shop.verify()).toEqual(clean);
  });

  test.each(["layer.tar", "layer.erofs"])(
    "a truncated %s is never run, copied or passed on",
    async (file) => {
      const archive = await saved(shop);
      const path = join(layer(), file);
      for (const length of [5000, 1024, 0, undefined]) {
        if (length === undefined) rmSync(path);
        else truncateSync(path, length);
        const damaged = expect.stringMatching(/is damaged: [\s\S]*hint: load, pull or build/);
        for (const snapshotter of ["erofs", "overlay", "copy"]) {
          const env = { STRAKE_SNAPSHOTTER: snapshotter };
          const ran = await shop.run(["run", "--rm", "--network", "none", "busybox:1", "true"], { env });
          expect([ran.code, ran.stderr]).toEqual([125, damaged]);
        }
        expect(await shop.ok("ps", "-aq")).toBe("");
        const built = await shop.build("FROM busybox:1\nRUN true\n", "--no-cache");
        expect([built.code, built.stderr]).toEqual([1, damaged]);
        expect(built.stderr).toContain(">>> RUN true");
        const copied = await shop.build("FROM scratch\nCOPY --from=busybox:1 /bin /bin\n", "--no-cache");
        expect([copied.code, copied.stderr]).toEqual([1, damaged]);
        const target = join(shop.home, "never.tar");
        expect((await shop.run(["save", "-o", target, "busybox:1"])).stderr).toEqual(damaged);
        expect(existsSync(target)).toBe(false);
        expect((await shop.verify()).code).toBe(1);
        // What is said to help helps.
        await shop.ok("load", "-i", archive);
        expect(await shop.verify()).toEqual(clean);
        expect(await shop.ok("run", "--rm", "--network", "none", "busybox:1", "echo", "back")).toBe("back\n");
      }
      expect(await lastingTraces(shop.home)).toEqual([]);
    },
  );
});

async function saved(shop: Strake): Promise<string> {
  const archive = join(shop.home, "whole.tar");
  if (!existsSync(archive)) await shop.ok("save", "-o", archive, "busybox:1");
  return archive;
}

/** Damages a file, has it found, and puts the file back. */
async function withDamage(shop: FaultShop, path: string, kind: "cut" | "changed" | "gone"): Promise<void> {
  const bytes = readFileSync(path);
  const damaged = Buffer.from(bytes);
  damaged[bytes.length >> 1]! ^= 1;
  rmSync(path);
  if (kind !== "gone") writeFileSync(path, kind === "cut" ? bytes.subarray(0, -1) : damaged);
  const { code, problems } = await shop.verify();
  expect([path, kind, code, problems]).toEqual([path, kind, 1, [expect.any(String)]]);
  rmSync(path, { force: true });
  writeFileSync(path, bytes);
}
