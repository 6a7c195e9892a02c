import { describe, expect, test } from "bun:test";
import { readTar } from "./index.ts";
import { codeOf, end, padded, pax, rawHeader, record, scan } from "./raw-archive.test-support.ts";

/** hole 0-99, "abc" at 100, hole, "de" at 600, hole to 1000 */
const map = [
  [100, 3],
  [600, 2],
  [1000, 0],
] as const;
const stored = "abcde";

const octal = (value: number) => `${value.toString(8).padStart(11, "0")}\0`;

function gnuHeader(
  extents: readonly (readonly [number, number])[],
  real: number,
  size = stored.length,
): Buffer {
  const slots = extents
    .slice(0, 4)
    .map(([offset, length], i) => [386 + i * 24, octal(offset) + octal(length)] as const);
  const more = extents.length > 4;
  const head = rawHeader({
    name: "sparse",
    typeflag: "S",
    magic: "ustar  \0",
    size,
    patch: [...slots, [482, more ? "\x01" : "\0"], [483, octal(real)]],
  });
  const blocks: Buffer[] = [head];
  for (let rest = extents.slice(4); rest.length > 0; rest = rest.slice(21)) {
    const block = Buffer.alloc(512);
    for (const [i, [offset, length]] of rest.slice(0, 21).entries())
      block.write(octal(offset) + octal(length), i * 24, "latin1");
    if (rest.length > 21) block[504] = 1;
    blocks.push(block);
  }
  return Buffer.concat(blocks);
}

const archives = {
  "old GNU": () => Buffer.concat([gnuHeader(map, 1000), padded(stored), end]),
  "PAX 0.0": () => {
    const extents = map.flatMap(([offset, length]) => [
      record("GNU.sparse.offset", String(offset)),
      record("GNU.sparse.numbytes", String(length)),
    ]);
    const head = pax(record("GNU.sparse.size", "1000"), record("GNU.sparse.numblocks", "3"), ...extents);
    return Buffer.concat([head, rawHeader({ name: "sparse", size: 5 }), padded(stored), end]);
  },
  "PAX 0.1": () => {
    const head = pax(
      record("GNU.sparse.size", "1000"),
      record("GNU.sparse.map", map.flat().join(",")),
      record("GNU.sparse.name", "sparse"),
    );
    return Buffer.concat([head, rawHeader({ name: "GNUSparseFile.1/sparse", size: 5 }), padded(stored), end]);
  },
  "PAX 1.0": () =>
    Buffer.concat([
      pax10("1000"),
      rawHeader({ size: 517 }),
      padded(`3\n${map.flat().join("\n")}\n`),
      padded(stored),
      end,
    ]),
};

function pax10(realsize: string): Buffer {
  return pax(
    record("GNU.sparse.major", "1"),
    record("GNU.sparse.minor", "0"),
    record("GNU.sparse.name", "sparse"),
    record("GNU.sparse.realsize", realsize),
  );
}

async function contents(archive: Uint8Array): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { body } of readTar([archive])) for await (const chunk of body) parts.push(chunk);
  return Buffer.concat(parts);
}

describe.each(Object.entries(archives))("%s", (_, make) => {
  test("the entry tells the expanded size, where the bytes stand and where they go", () => {
    const archive = make();
    const [entry] = scan(archive);
    expect(entry).toMatchObject({ type: "file", path: "sparse", size: 1000, storedSize: 5 });
    expect(entry!.sparse).toEqual([
      { offset: 100, length: 3 },
      { offset: 600, length: 2 },
    ]);
    expect(archive.toString("latin1", entry!.dataOffset, entry!.dataOffset + 5)).toBe(stored);
    expect(scan(archive, 17)).toEqual([entry!]);
  });

  test("the reader expands it", async () => {
    const expected = Buffer.alloc(1000);
    expected.write("abc", 100);
    expected.write("de", 600);
    expect(await contents(make())).toEqual(expected);
  });
});

test("old GNU with extension blocks", async () => {
  const extents = Array.from({ length: 60 }, (_, i) => [i * 10, 1] as const);
  const archive = Buffer.concat([
    gnuHeader(extents, 600, 60),
    padded("x".repeat(60)),
    rawHeader({ name: "next" }),
    end,
  ]);
  const [entry, next] = scan(archive);
  expect(entry!.sparse).toHaveLength(60);
  expect(entry!.dataOffset).toBe(512 * 4);
  expect(next!.path).toBe("next");
  expect((await contents(archive)).filter((byte) => byte === 0x78)).toHaveLength(60);
});

test("PAX 1.0 whose map takes several blocks", () => {
  const numbers = Array.from({ length: 200 }, (_, i) => `${i * 1000}\n1\n`).join("");
  const text = padded(`200\n${numbers}`);
  const archive = Buffer.concat([
    pax10("200000"),
    rawHeader({ size: text.length + 200 }),
    text,
    padded("y".repeat(200)),
    end,
  ]);
  expect(text.length).toBeGreaterThan(1024);
  const [entry] = scan(archive, 100);
  expect(entry!.sparse).toHaveLength(200);
  expect(entry!.storedSize).toBe(200);
});

test("a file that is one hole", async () => {
  const archive = Buffer.concat([gnuHeader([[1_000_000, 0]], 1_000_000, 0), end]);
  expect(scan(archive)[0]).toMatchObject({ size: 1_000_000, storedSize: 0, sparse: [] });
  expect((await contents(archive)).length).toBe(1_000_000);
});

describe("hostile maps", () => {
  const gnu = (extents: readonly (readonly [number, number])[], real: number, size: number) => () =>
    scan(Buffer.concat([gnuHeader(extents, real, size), padded("x".repeat(size)), end]));
  const inContent =
    (text: string, size = 512 + 5) =>
    () =>
      scan(Buffer.concat([pax10("1000"), rawHeader({ size }), padded(text), padded(stored), end]));

  test.each([
    [
      "extents that overlap",
      "TAR_INVALID",
      gnu(
        [
          [0, 10],
          [5, 10],
        ],
        100,
        20,
      ),
    ],
    [
      "extents out of order",
      "TAR_INVALID",
      gnu(
        [
          [50, 5],
          [0, 5],
        ],
        100,
        10,
      ),
    ],
    ["an extent behind the end", "TAR_INVALID", gnu([[90, 20]], 100, 20)],
    ["less stored than mapped", "TAR_INVALID", gnu([[0, 50]], 100, 20)],
    ["more stored than mapped", "TAR_INVALID", gnu([[0, 10]], 100, 20)],
    ["a map that is no numbers", "TAR_INVALID", inContent("x\ny\n")],
    ["a map of one endless number", "TAR_INVALID", inContent("1".repeat(512))],
    ["a map longer than the content", "TAR_INVALID", inContent("9\n1\n", 100)],
    ["a map with absurdly many extents", "TAR_LIMIT", inContent("99999999\n0\n")],
  ])("%s: %s", (_, code, action) => {
    expect(codeOf(action)).toBe(code);
  });

  test.each([
    ["offset without length", [record("GNU.sparse.size", "9"), record("GNU.sparse.offset", "1")]],
    ["length without offset", [record("GNU.sparse.numbytes", "1")]],
    ["odd list", [record("GNU.sparse.size", "9"), record("GNU.sparse.map", "1,2,3")]],
    ["map without a real size", [record("GNU.sparse.map", "0,1")]],
    ["negative number", [record("GNU.sparse.size", "9"), record("GNU.sparse.map", "-1,2")]],
  ])("PAX 0.x: %s", (_, records) => {
    const archive = Buffer.concat([pax(...records), rawHeader({ size: 1 }), padded("x"), end]);
    expect(codeOf(() => scan(archive))).toBe("TAR_INVALID");
  });

  test("endless extension blocks end at the limit", () => {
    const extents = Array.from({ length: 1000 }, (_, i) => [i * 2, 1] as const);
    const archive = Buffer.concat([gnuHeader(extents, 2000, 1000), padded("x".repeat(1000)), end]);
    expect(codeOf(() => scan(archive, 512, { sparseExtents: 100 }))).toBe("TAR_LIMIT");
  });

  test("sparse records before a directory", () => {
    const archive = Buffer.concat([
      pax(record("GNU.sparse.size", "9"), record("GNU.sparse.map", "0,1")),
      rawHeader({ name: "d/", typeflag: "5" }),
      end,
    ]);
    expect(codeOf(() => scan(archive))).toBe("TAR_INVALID");
  });

  test("a version that does not exist", () => {
    const archive = Buffer.concat([
      pax(record("GNU.sparse.major", "2"), record("GNU.sparse.size", "9")),
      rawHeader({}),
      end,
    ]);
    expect(codeOf(() => scan(archive))).toBe("TAR_UNSUPPORTED");
  });
});
