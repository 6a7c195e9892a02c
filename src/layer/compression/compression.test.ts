import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { compress, type DecompressOptions, decompress, detectCompression } from "../index.ts";

async function* pieces(bytes: Uint8Array, step = 1000) {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part.slice());
  return Buffer.concat(parts);
}

const unpack = (bytes: Uint8Array, options?: DecompressOptions) =>
  collect(decompress(pieces(bytes), options));
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error) => error.code,
  );

const text = Buffer.concat([randomBytes(50_000), Buffer.alloc(300_000, "strake ")]);
const hasXz = spawnSync("xz", ["--version"]).status === 0;
const hasBzip2 = spawnSync("bzip2", ["--help"]).status === 0;
if (!hasXz || !hasBzip2) console.log("skipped: xz or bzip2 is not installed");

const packers: [string, string, boolean, (bytes: Uint8Array) => Buffer, DecompressOptions?][] = [
  ["gzip", "gzip", true, (bytes) => gzipSync(bytes)],
  ["gzip, memory used again", "gzip", true, (bytes) => gzipSync(bytes), { reuse: true }],
  [
    "zstd",
    "zstd",
    true,
    (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  ],
  ["xz", "xz", hasXz, (bytes) => spawnSync("xz", ["-c"], { input: bytes, maxBuffer: 1 << 26 }).stdout],
  [
    "bzip2",
    "bzip2",
    hasBzip2,
    (bytes) => spawnSync("bzip2", ["-c"], { input: bytes, maxBuffer: 1 << 26 }).stdout,
  ],
];

for (const [name, kind, present, pack, ways] of packers)
  describe.skipIf(!present)(name, () => {
    const open = (source: AsyncIterable<Uint8Array>, options?: DecompressOptions) =>
      decompress(source, { ...ways, ...options });
    const unpack = (bytes: Uint8Array) => collect(open(pieces(bytes)));

    test.skipIf(kind === "xz" || kind === "bzip2")(
      "a chunk of the source may be gone when the next one is asked for",
      async () => {
        const much = Buffer.concat([text, randomBytes(100_000), text]);
        const packed = pack(much);
        for (const step of [3, 777, 20_000, 300_000, packed.length]) {
          const vanishing = (async function* () {
            for await (const piece of pieces(packed, step)) {
              const chunk = Buffer.from(new Uint8Array(piece).buffer);
              yield chunk;
              chunk.fill(0);
              (chunk.buffer as ArrayBuffer).transfer(0);
            }
          })();
          expect((await collect(open(vanishing))).equals(much)).toBe(true);
        }
      },
      60_000,
    );

    test("is detected and unpacked, however it is cut", async () => {
      const packed = pack(text);
      expect(detectCompression(packed)).toBe(kind as never);
      for (const step of [1, 777, packed.length]) {
        const sample = step === 1 ? pack(Buffer.from("short")) : packed;
        const expected = step === 1 ? Buffer.from("short") : text;
        expect((await collect(open(pieces(sample, step)))).equals(expected)).toBe(true);
      }
    });

    test("several in a row are one stream", async () => {
      expect(
        (await unpack(Buffer.concat([pack(text), pack(text)]))).equals(Buffer.concat([text, text])),
      ).toBe(true);
    });

    test("output that fills whole pieces of memory comes whole", async () => {
      for (const size of [512 << 10, (512 << 10) + 1, 3 << 20]) {
        const even = Buffer.alloc(size, "0123456789abcdef");
        expect((await collect(open(pieces(pack(even), 1 << 20)))).equals(even)).toBe(true);
      }
    });

    test("nothing packed is nothing", async () => {
      expect(await unpack(pack(Buffer.alloc(0)))).toHaveLength(0);
    });

    test("truncated or damaged is an error", async () => {
      const packed = pack(text);
      for (const cut of [30, packed.length >> 1, packed.length - 1])
        expect(["COMPRESSION_TRUNCATED", "COMPRESSION_INVALID"]).toContain(
          await failure(unpack(packed.subarray(0, cut))),
        );
      const damaged = Buffer.from(packed);
      damaged[packed.length >> 1]! ^= 0x55;
      damaged[(packed.length >> 1) + 1]! ^= 0x55;
      expect(["COMPRESSION_TRUNCATED", "COMPRESSION_INVALID"]).toContain(await failure(unpack(damaged)));
    });

    test("what the source throws comes through", async () => {
      const packed = pack(text);
      const source = (async function* () {
        yield packed.subarray(0, packed.length >> 1);
        throw Object.assign(new Error("lost"), { code: "UPSTREAM" });
      })();
      expect(await failure(collect(open(source)))).toBe("UPSTREAM");
    });

    test("a consumer that stops early closes the source", async () => {
      const packed = pack(randomBytes(3_000_000));
      let closed = false;
      const source = (async function* () {
        try {
          yield* pieces(packed);
        } finally {
          closed = true;
        }
      })();
      for await (const _ of open(source)) break;
      expect(closed).toBe(true);
    });

    test("CVE-2017-14992: a bomb is stopped at the limit, and its source is not read on", async () => {
      const member = pack(Buffer.alloc(8 << 20));
      const bomb = Buffer.concat(Array.from({ length: 20 }, () => member));
      let given = 0;
      const source = (async function* () {
        for await (const piece of pieces(bomb, 64)) {
          given += piece.length;
          yield piece;
        }
      })();
      expect(await failure(collect(open(source, { maxBytes: 1 << 20 })))).toBe("COMPRESSION_LIMIT");
      if (bomb.length > 100_000) expect(given).toBeLessThan(bomb.length / 2);
    });
  });

test("CVE-2021-20291: an invalid xz stream fails and does not hang its writer", async () => {
  if (!hasXz) return;
  const invalid = Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), randomBytes(5_000_000)]);
  expect(await failure(unpack(invalid))).toBe("COMPRESSION_INVALID");
});

test("CVE-2014-9357: xz of the host alone unpacks: not one of PATH, not with the environment's options", async () => {
  if (!hasXz) return;
  const folder = mkdtempSync(join(tmpdir(), "strake-xz-"));
  const before = { PATH: process.env.PATH, XZ_OPT: process.env.XZ_OPT };
  try {
    writeFileSync(join(folder, "xz"), `#!/bin/sh\ntouch ${folder}/ran\nexec /usr/bin/xz "$@"\n`, {
      mode: 0o755,
    });
    process.env.PATH = `${folder}:${before.PATH}`;
    process.env.XZ_OPT = "--keep --list";
    const packed = spawnSync("/usr/bin/xz", ["-c"], { input: text, env: {} }).stdout;
    expect((await unpack(packed)).equals(text)).toBe(true);
    expect(readdirSync(folder)).toEqual(["xz"]);
  } finally {
    process.env.PATH = before.PATH;
    if (before.XZ_OPT === undefined) delete process.env.XZ_OPT;
    else process.env.XZ_OPT = before.XZ_OPT;
    rmSync(folder, { recursive: true });
  }
});

test("bytes of no known kind pass as they are", async () => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from("a"),
    Buffer.alloc(5000, "tar"),
    Buffer.from("BZhello"),
  ]) {
    expect(detectCompression(bytes)).toBe("none");
    expect((await unpack(bytes)).equals(bytes)).toBe(true);
  }
});

describe("behind the end", () => {
  test("gzip: zero padding is fine, anything else is not", async () => {
    expect((await unpack(Buffer.concat([gzipSync(text), Buffer.alloc(700)]))).equals(text)).toBe(true);
    expect(await failure(unpack(Buffer.concat([gzipSync(text), Buffer.from("garbage")])))).toBe(
      "COMPRESSION_INVALID",
    );
  });

  test("zstd: skippable frames are fine, anything else is not", async () => {
    const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    expect((await unpack(Buffer.concat([skippable, zstdCompressSync(text), skippable]))).equals(text)).toBe(
      true,
    );
    expect(await failure(unpack(Buffer.concat([zstdCompressSync(text), Buffer.from("garbage")])))).toBe(
      "COMPRESSION_INVALID",
    );
  });
});

test("zstd: a frame that asks for a window of gigabytes is refused before it is decoded", async () => {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 1, 0, 0]);
  expect(await failure(unpack(header))).toBe("COMPRESSION_LIMIT");
});

describe("compress", () => {
  test("gives what any program unpacks, and the same bytes each time", async () => {
    const gzip = await collect(compress(pieces(text), "gzip"));
    expect(gunzipSync(gzip).equals(text)).toBe(true);
    // No name, no time: only the bytes count.
    expect([...gzip.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    expect((await collect(compress(pieces(text, 333), "gzip"))).equals(gzip)).toBe(true);
    const zstd = await collect(compress(pieces(text), "zstd"));
    expect(zstdDecompressSync(zstd).equals(text)).toBe(true);
    expect((await collect(compress(pieces(text, 333), "zstd"))).equals(zstd)).toBe(true);
  });

  test("gzip of several blocks is one stream, the same however it is cut and however many are made at once", async () => {
    const large = Buffer.concat([randomBytes(2_500_000), Buffer.alloc(3_000_001, "strake "), text]);
    const one = await collect(compress(pieces(large, 1 << 20), "gzip"));
    expect(gunzipSync(one).equals(large)).toBe(true);
    expect(spawnSync("gzip", ["-dc"], { input: one, maxBuffer: 1 << 26 }).stdout.equals(large)).toBe(true);
    const others = await Promise.all(
      [7777, 300_000].map((cut) => collect(compress(pieces(large, cut), "gzip"))),
    );
    for (const other of others) expect(other.equals(one)).toBe(true);
  });

  test("whoever takes no more of it disturbs nobody else", async () => {
    const large = Buffer.concat([randomBytes(6_000_000), text]);
    const whole = collect(compress(pieces(large, 1 << 20), "gzip"));
    for await (const _ of compress(pieces(large, 1 << 20), "gzip")) break;
    expect(gunzipSync(await whole).equals(large)).toBe(true);
  });

  test("what the source throws comes through", async () => {
    const source = (async function* () {
      yield new Uint8Array(3 << 20);
      throw Object.assign(new Error("lost"), { code: "UPSTREAM" });
    })();
    expect(await failure(collect(compress(source, "gzip")))).toBe("UPSTREAM");
  });

  test("a level is obeyed", async () => {
    const fast = await collect(compress(pieces(text), "gzip", { level: 0 }));
    expect(fast.length).toBeGreaterThan(text.length);
  });
});
