import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type EntryHeader,
  encodeHeader,
  endOfArchive,
  HeaderEncoder,
  maxHeaderSize,
  readTar,
  TarScanner,
  TarWriter,
} from "./index.ts";
import { codeOf, scan } from "./raw-archive.test-support.ts";

const file: EntryHeader = {
  type: "file",
  path: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  mtimeNsec: 0,
  linkname: "",
  uname: "",
  gname: "",
  devmajor: 0,
  devminor: 0,
};

const name = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."abc-._ "), minLength: 1, maxLength: 120 }),
  fc.string({ unit: fc.constantFrom("é", "日", "\udcff", "\udc80", "x", "😀"), minLength: 1, maxLength: 60 }),
);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const id = fc.oneof(fc.integer({ min: 0, max: 0o7777777 }), fc.integer({ min: 0, max: 2 ** 32 - 2 }));
const header: fc.Arbitrary<EntryHeader> = fc
  .record({
    type: fc.constantFrom("file", "directory", "symlink", "hardlink", "char", "block", "fifo"),
    path,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: id,
    gid: id,
    size: fc.oneof(fc.nat(10_000), fc.integer({ min: 2 ** 33, max: 2 ** 50 })),
    mtime: fc.oneof(fc.nat(2 ** 31 - 1), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
    mtimeNsec: fc.oneof(fc.constant(0), fc.nat(999_999_999)),
    linkname: path,
    uname: fc.oneof(fc.constant("root"), name),
    gname: fc.oneof(fc.constant(""), name),
    devmajor: fc.nat(0xfff),
    devminor: fc.nat(0xf_ffff),
    xattrs: fc.option(
      fc
        .array(
          fc.tuple(
            fc.constantFrom("user.a", "security.capability", "user.é", "user.\udcfe"),
            fc.uint8Array({ maxLength: 40 }),
          ),
          {
            minLength: 1,
            maxLength: 4,
          },
        )
        .map((pairs) => new Map(pairs)),
      { nil: undefined },
    ),
  })
  .map((drawn) => sensible(drawn as EntryHeader));

/** Fields a type does not have are blank. */
function sensible(drawn: EntryHeader): EntryHeader {
  const device = drawn.type === "char" || drawn.type === "block";
  const link = drawn.type === "symlink" || drawn.type === "hardlink";
  const { xattrs, ...rest } = drawn;
  return {
    ...rest,
    ...(xattrs && { xattrs }),
    path: drawn.type === "directory" ? `${drawn.path}/` : drawn.path,
    size: drawn.type === "file" ? drawn.size : 0,
    linkname: link ? drawn.linkname : "",
    devmajor: device ? drawn.devmajor : 0,
    devminor: device ? drawn.devminor : 0,
  };
}

describe("encodeHeader", () => {
  test("property: what is written is read back, whatever it is", () => {
    fc.assert(
      fc.property(header, (written) => {
        const bytes = encodeHeader(written);
        // Only the header is given: content may be of many terabytes.
        const found: unknown[] = [];
        new TarScanner({ onEntry: (entry) => found.push(entry) }).write(bytes);
        expect(found).toHaveLength(1);
        const { headerOffset, dataOffset, storedSize, ...read } = found[0] as Record<string, unknown>;
        expect({ headerOffset, dataOffset, storedSize }).toEqual({
          headerOffset: 0,
          dataOffset: bytes.length,
          storedSize: written.size,
        });
        expect(read).toEqual({ ...written });
      }),
      { numRuns: 500 },
    );
  });

  test("property: no header is longer than announced, and a used encoder writes what a new one does", () => {
    const encoder = new HeaderEncoder();
    fc.assert(
      fc.property(fc.array(header, { maxLength: 5 }), (headers) => {
        for (const each of headers) {
          const target = Buffer.alloc(maxHeaderSize(each) + 512, 0xaa);
          const length = encoder.encodeInto(target, 512, each);
          expect(length).toBeLessThanOrEqual(maxHeaderSize(each));
          expect(target.subarray(512, 512 + length).equals(encodeHeader(each))).toBe(true);
        }
      }),
    );
  });

  test("one block when ustar says it all, even with a path of 255 bytes", () => {
    expect(encodeHeader(file)).toHaveLength(512);
    const long = { ...file, path: `${"p".repeat(155)}/${"n".repeat(99)}x` };
    expect(encodeHeader(long)).toHaveLength(512);
    expect(scan(Buffer.concat([encodeHeader(long), endOfArchive]))[0]!.path).toBe(long.path);
    expect(
      encodeHeader({ ...file, type: "directory", path: `${"d".repeat(90)}/${"e".repeat(90)}/` }),
    ).toHaveLength(512);
  });

  test.each<[string, Partial<EntryHeader>]>([
    ["nanoseconds", { mtimeNsec: 1 }],
    ["a time before 1970", { mtime: -1 }],
    ["a big uid", { uid: 0o10000000 }],
    ["a size of 8 GiB", { size: 8 * 2 ** 30 }],
    ["a name without a fitting slash", { path: "n".repeat(101) }],
    ["a name that is not ASCII", { path: "é" }],
    ["a long link", { type: "symlink", linkname: "l".repeat(101) }],
    ["an extended attribute", { xattrs: new Map([["user.a", new Uint8Array(1)]]) }],
  ])("%s takes a PAX header", (_, change) => {
    const bytes = encodeHeader({ ...file, ...change });
    expect(bytes.length).toBe(3 * 512);
    expect(bytes[156]).toBe("x".charCodeAt(0));
  });

  test("the order of extended attributes makes no difference", () => {
    const pairs = [
      ["user.b", new Uint8Array(1)],
      ["user.a", new Uint8Array(2)],
    ] as const;
    const forward = encodeHeader({ ...file, xattrs: new Map(pairs) });
    expect(encodeHeader({ ...file, xattrs: new Map([...pairs].reverse()) })).toEqual(forward);
  });

  test("a PAX record whose length gains a digit by its own digits", () => {
    for (let length = 80; length < 110; length++)
      for (const xattrs of [new Map([["user.n", Buffer.alloc(length, 0x61)]])])
        expect(
          scan(Buffer.concat([encodeHeader({ ...file, xattrs }), endOfArchive]))[0]!.xattrs!.get("user.n"),
        ).toHaveLength(length);
  });

  test.each<[string, Partial<EntryHeader>, string]>([
    ["no path", { path: "" }, "TAR_INVALID"],
    ["NUL in the path", { path: "a\0" }, "TAR_INVALID"],
    ["NUL in the link", { type: "symlink", linkname: "a\0" }, "TAR_INVALID"],
    ["a file that looks like a directory", { path: "a/" }, "TAR_INVALID"],
    ["a size on a directory", { type: "directory", size: 1 }, "TAR_INVALID"],
    ["a negative size", { size: -1 }, "TAR_INVALID"],
    ["a fractional size", { size: 1.5 }, "TAR_INVALID"],
    ["file type bits in the mode", { mode: 0o100644 }, "TAR_INVALID"],
    ["a negative uid", { uid: -1 }, "TAR_INVALID"],
    ["too many nanoseconds", { mtimeNsec: 1_000_000_000 }, "TAR_INVALID"],
    ["a device number that does not fit", { type: "char", devmajor: 0o10000000 }, "TAR_UNSUPPORTED"],
    [
      "an attribute with = in its name",
      { xattrs: new Map([["user.a=b", new Uint8Array(0)]]) },
      "TAR_UNSUPPORTED",
    ],
  ])("%s is refused", (_, change, code) => {
    expect(codeOf(() => encodeHeader({ ...file, ...change }))).toBe(code);
  });
});

describe("TarWriter and readTar", () => {
  const collect = async (write: (writer: TarWriter) => Promise<void>, options = {}) => {
    const parts: Uint8Array[] = [];
    const writer = new TarWriter((chunk) => {
      parts.push(chunk.slice());
    }, options);
    await write(writer);
    await writer.finish();
    return Buffer.concat(parts);
  };
  const rejection = (promise: Promise<unknown>) =>
    promise.then(
      () => "none",
      (error) => error.code,
    );

  test("property: contents survive, in chunks of any size; identical input gives identical bytes", async () => {
    const sample = fc.array(fc.uint8Array({ maxLength: 1500 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(sample, fc.integer({ min: 1, max: 1000 }), async (bodies, step) => {
        const write = async (writer: TarWriter) => {
          for (const [i, body] of bodies.entries())
            await writer.add({ ...file, path: `f${i}`, size: body.length }, body);
        };
        const archive = await collect(write);
        expect(archive.equals(await collect(write))).toBe(true);
        const chunks = function* () {
          for (let at = 0; at < archive.length; at += step) yield archive.subarray(at, at + step);
        };
        const read: Buffer[] = [];
        for await (const { body } of readTar(chunks())) {
          const parts: Uint8Array[] = [];
          for await (const chunk of body) parts.push(chunk);
          read.push(Buffer.concat(parts));
        }
        expect(read.map((each) => each.toString("hex"))).toEqual(
          bodies.map((each) => Buffer.from(each).toString("hex")),
        );
      }),
      { numRuns: 50 },
    );
  });

  test("a body of another size than the header says is refused", async () => {
    for (const content of ["ab", "abcd"]) {
      const writing = collect((writer) => writer.add({ ...file, size: 3 }, Buffer.from(content)));
      expect(await rejection(writing)).toBe("TAR_INVALID");
    }
  });

  test("wholeSeconds leaves nanoseconds out", async () => {
    const bytes = await collect((writer) => writer.add({ ...file, mtime: 5, mtimeNsec: 7 }), {
      wholeSeconds: true,
    });
    expect(scan(bytes)[0]).toMatchObject({ mtime: 5, mtimeNsec: 0, dataOffset: 512 });
  });

  const archive = () =>
    collect(async (writer) => {
      await writer.add({ ...file, path: "a", size: 2000 }, Buffer.alloc(2000, 1));
      await writer.add({ ...file, path: "b", size: 3 }, Buffer.from("xyz"));
    });

  test("unread and half-read bodies are skipped; the source is read to its end", async () => {
    let taken = 0;
    const bytes = Buffer.concat([await archive(), Buffer.alloc(5000, 7)]);
    const source = function* () {
      for (let at = 0; at < bytes.length; at += 100) {
        taken += Math.min(100, bytes.length - at);
        yield bytes.subarray(at, at + 100);
      }
    };
    const paths: string[] = [];
    for await (const { entry, body } of readTar(source())) {
      paths.push(entry.path);
      for await (const _ of body) break;
    }
    expect(paths).toEqual(["a", "b"]);
    expect(taken).toBe(bytes.length);
  });

  test("leaving the loop closes the source", async () => {
    let closed = false;
    const bytes = await archive();
    const source = async function* () {
      try {
        for (let at = 0; at < bytes.length; at += 512) yield bytes.subarray(at, at + 512);
      } finally {
        closed = true;
      }
    };
    for await (const _ of readTar(source())) break;
    expect(closed).toBe(true);
  });

  test("a body asked for too late fails instead of giving the next entry's bytes", async () => {
    const bytes = await archive();
    const kept: AsyncIterable<Uint8Array>[] = [];
    for await (const { body } of readTar([bytes])) kept.push(body);
    const late = (async () => {
      for await (const _ of kept[0]!);
    })();
    expect(await rejection(late)).toBe("INTERNAL");
  });

  test("a truncated body is TAR_TRUNCATED, an abort is CANCELED", async () => {
    const bytes = await archive();
    const drain = async (source: Iterable<Uint8Array>, signal?: AbortSignal) => {
      for await (const { body } of readTar(source, { signal })) for await (const _ of body);
    };
    expect(await rejection(drain([bytes.subarray(0, 1000)]))).toBe("TAR_TRUNCATED");
    expect(await rejection(drain([bytes], AbortSignal.abort()))).toBe("CANCELED");
  });
});
