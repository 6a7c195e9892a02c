import { describe, expect, test } from "bun:test";
import { readTar } from "./index.ts";
import { codeOf, end, extension, padded, pax, rawHeader, record, scan } from "./raw-archive.test-support.ts";

const names = (archive: Uint8Array) => scan(archive).map((entry) => entry.path);
const archive = (...parts: Uint8Array[]) => Buffer.concat([...parts, end]);
const filled = (length: number) => Buffer.alloc(length, 0x41);

describe("dialects", () => {
  test("ustar: prefix, owner, device", () => {
    const [entry] = scan(
      archive(
        rawHeader({
          name: "null",
          prefix: "dev/x",
          typeflag: "3",
          uname: "root",
          devmajor: "0000001\0",
          devminor: "0000003\0",
        }),
      ),
    );
    expect(entry).toMatchObject({
      type: "char",
      path: "dev/x/null",
      uname: "root",
      devmajor: 1,
      devminor: 3,
    });
    expect(entry).toMatchObject({ headerOffset: 0, dataOffset: 512, storedSize: 0 });
  });

  test("v7: a name with a slash at its end is a directory, there is no prefix, no uname", () => {
    const fields = { magic: "\0\0\0\0\0\0\0\0", typeflag: "\0", uname: "junk", prefix: "junk" };
    expect(scan(archive(rawHeader({ ...fields, name: "dir/" })))[0]).toMatchObject({
      type: "directory",
      path: "dir/",
      uname: "",
    });
    expect(scan(archive(rawHeader({ ...fields, name: "file" })))[0]).toMatchObject({
      type: "file",
      path: "file",
    });
  });

  test("contiguous files are files", () => {
    expect(scan(archive(rawHeader({ typeflag: "7", size: 3 }), padded("abc")))[0]).toMatchObject({
      type: "file",
      size: 3,
    });
  });

  test("the prefix is none in GNU's dialect, but Go before 1.8 wrote one there (golang.org/issue/12594)", () => {
    const gnu = { magic: "ustar  \0", name: "file" };
    expect(names(archive(rawHeader({ ...gnu, patch: [[345, "13377777777\0"]] })))).toEqual(["file"]);
    expect(names(archive(rawHeader({ ...gnu, prefix: "some/long/prefix" })))).toEqual([
      "some/long/prefix/file",
    ]);
  });

  test("star keeps times in the last bytes of the prefix", () => {
    const star = rawHeader({
      name: "f",
      prefix: "p",
      patch: [
        [476, "13377777777"],
        [508, "tar\0"],
      ],
    });
    expect(names(archive(star))).toEqual(["p/f"]);
  });

  test("GNU long names and link targets", () => {
    const long = `a/${"b".repeat(200)}`;
    const link = `c/${"d".repeat(300)}`;
    const [entry] = scan(
      archive(
        extension("L", `${long}\0`),
        extension("K", `${link}\0`),
        rawHeader({ name: "cut", typeflag: "2", linkname: "cut" }),
      ),
    );
    expect(entry).toMatchObject({ path: long, linkname: link, headerOffset: 0, dataOffset: 5 * 512 });
  });

  test("signed checksums of old writers", () => {
    expect(names(archive(rawHeader({ name: Buffer.from([0x61, 0xff]), checksum: "signed" })))).toEqual([
      "a\udcff",
    ]);
  });

  test("a volume label is no entry", () => {
    expect(names(archive(rawHeader({ name: "label", typeflag: "V" }), rawHeader({ name: "file" })))).toEqual([
      "file",
    ]);
  });

  test("times before 1970 and big ids in base-256", () => {
    const id = Buffer.from([0x80, 0, 0, 0, 0x77, 0x35, 0x94, 0]);
    const before = Buffer.alloc(12, 0xff);
    expect(scan(archive(rawHeader({ uid: id, mtime: before })))[0]).toMatchObject({
      uid: 2_000_000_000,
      mtime: -1,
    });
  });
});

describe("PAX", () => {
  test("every record that counts", () => {
    const [entry] = scan(
      archive(
        pax(
          record("path", "naïve"),
          record("uid", "3000000"),
          record("gid", "3000001"),
          record("uname", "wörk"),
          record("gname", "grp"),
          record("mtime", "-1.25"),
          record("atime", "nonsense is not looked at"),
          record("SCHILY.xattr.security.capability", Buffer.from([1, 0, 0, 2, 0x0a, 0xff])),
          record("SCHILY.xattr.user.empty", ""),
        ),
        rawHeader({ name: "short" }),
      ),
    );
    expect(entry).toMatchObject({ path: "naïve", uid: 3000000, gid: 3000001, uname: "wörk", gname: "grp" });
    expect(entry).toMatchObject({ mtime: -2, mtimeNsec: 750_000_000 });
    expect([...entry!.xattrs!]).toEqual([
      ["security.capability", Uint8Array.from([1, 0, 0, 2, 0x0a, 0xff])],
      ["user.empty", new Uint8Array(0)],
    ]);
  });

  test("LIBARCHIVE.xattr counts only where SCHILY.xattr is silent", () => {
    const [entry] = scan(
      archive(
        pax(
          record("LIBARCHIVE.xattr.user.a%3Db", Buffer.from("one").toString("base64")),
          record("LIBARCHIVE.xattr.user.c", Buffer.from("lib").toString("base64")),
          record("SCHILY.xattr.user.c", "schily"),
        ),
        rawHeader({}),
      ),
    );
    const text = [...entry!.xattrs!].map(([name, value]) => [name, Buffer.from(value).toString()]);
    expect(text).toEqual([
      ["user.a=b", "one"],
      ["user.c", "schily"],
    ]);
  });

  test("global records hold until changed; a local empty value takes one back", () => {
    const entries = scan(
      archive(
        extension("g", Buffer.concat([record("uname", "all"), record("comment", "0123")])),
        rawHeader({ name: "a", uname: "own" }),
        pax(record("uname", "one")),
        rawHeader({ name: "b", uname: "own" }),
        pax(record("uname", "")),
        rawHeader({ name: "c", uname: "own" }),
        extension("g", record("uname", "")),
        rawHeader({ name: "d", uname: "own" }),
      ),
    );
    expect(entries.map((entry) => entry.uname)).toEqual(["all", "one", "own", "own"]);
  });

  test("the last of two equal keywords counts", () => {
    expect(names(archive(pax(record("path", "a"), record("path", "b")), rawHeader({})))).toEqual(["b"]);
  });

  test("hdrcharset BINARY", () => {
    const body = [record("hdrcharset", "BINARY"), record("path", Buffer.from([0xff]))];
    expect(names(archive(pax(...body), rawHeader({})))).toEqual(["\udcff"]);
    expect(codeOf(() => names(archive(pax(record("hdrcharset", "EBCDIC")), rawHeader({}))))).toBe(
      "TAR_UNSUPPORTED",
    );
  });
});

describe("hostile archives", () => {
  test("CVE-2025-62518 (TARmageddon): PAX size wins over ustar size, for scanner and reader, so nothing is smuggled in", async () => {
    const smuggled = Buffer.concat([rawHeader({ name: "smuggled", size: 0 }), end]);
    const nested = padded(smuggled);
    const outer = archive(
      pax(record("size", String(nested.length))),
      rawHeader({ name: "outer.tar", size: 0 }),
      nested,
      rawHeader({ name: "after" }),
    );
    expect(names(outer)).toEqual(["outer.tar", "after"]);
    const read: string[] = [];
    for await (const { entry, body } of readTar([outer])) {
      let length = 0;
      for await (const chunk of body) length += chunk.length;
      read.push(`${entry.path} ${length}`);
    }
    expect(read).toEqual([`outer.tar ${nested.length}`, "after 0"]);
  });

  test("CVE-2025-62518, the other way round: a ustar size that PAX makes smaller", () => {
    const parts = [pax(record("size", "0")), rawHeader({ name: "a", size: 512 }), rawHeader({ name: "b" })];
    expect(names(archive(...parts))).toEqual(["a", "b"]);
  });

  test("sizes on entries without content are no content (as Go)", () => {
    const link = rawHeader({ name: "l", typeflag: "1", linkname: "x", size: 512 });
    expect(scan(archive(link, rawHeader({ name: "next" }))).map((e) => [e.path, e.size])).toEqual([
      ["l", 0],
      ["next", 0],
    ]);
  });

  const many = (count: number, make: (i: number) => Buffer) =>
    Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
  test.each<[string, string, () => Uint8Array]>([
    ["bad checksum", "TAR_INVALID", () => rawHeader({ checksum: "wrong" })],
    ["not a tar", "TAR_INVALID", () => Buffer.alloc(512, "text")],
    ["negative size", "TAR_INVALID", () => rawHeader({ size: Buffer.alloc(12, 0xff) })],
    ["negative octal size", "TAR_INVALID", () => rawHeader({ size: "-0000000001\0" })],
    [
      "size past 2^53",
      "TAR_INVALID",
      () => rawHeader({ size: Buffer.from([0x80, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0]) }),
    ],
    [
      "sum of sizes past 2^53",
      "TAR_INVALID",
      () => rawHeader({ size: Buffer.from([0x80, 0, 0, 0, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) }),
    ],
    ["negative PAX size", "TAR_INVALID", () => pax(record("size", "-1"))],
    ["PAX size past 2^53", "TAR_INVALID", () => pax(record("size", "9007199254740993"))],
    ["negative mode", "TAR_INVALID", () => rawHeader({ mode: Buffer.alloc(8, 0xff) })],
    [
      "owner -1, which chown takes for `leave`",
      "TAR_INVALID",
      () => rawHeader({ uid: Buffer.from([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]) }),
    ],
    [
      "CVE-2024-40635-like owner past 2^32",
      "TAR_INVALID",
      () => Buffer.concat([pax(record("uid", "4294967296")), rawHeader({})]),
    ],
    [
      "device number beyond Linux's",
      "TAR_INVALID",
      () => rawHeader({ typeflag: "4", devmajor: "0010000\0" }),
    ],
    ["no name", "TAR_INVALID", () => rawHeader({ name: "" })],
    ["NUL in a PAX path", "TAR_INVALID", () => pax(record("path", "a\0b"))],
    ["NUL in a PAX link", "TAR_INVALID", () => pax(record("linkpath", "a\0"))],
    ["NUL in a GNU long name", "TAR_INVALID", () => extension("L", "a\0b\0")],
    ["NUL in a keyword", "TAR_INVALID", () => pax(record("SCHILY.xattr.a\0b", "x"))],
    ["record length beyond the body", "TAR_INVALID", () => pax(Buffer.from("99 path=a\n"))],
    ["record length 0", "TAR_INVALID", () => pax(Buffer.from("0 path=a\n"))],
    ["record length too short", "TAR_INVALID", () => pax(Buffer.from("5 path=a\n"))],
    ["record length not a number", "TAR_INVALID", () => pax(Buffer.from("x path=a\n"))],
    ["record without =", "TAR_INVALID", () => pax(Buffer.from("7 path\n"))],
    ["record without newline", "TAR_INVALID", () => pax(Buffer.from("10 path=ab"))],
    ["global path", "TAR_INVALID", () => extension("g", record("path", "a"))],
    ["global size", "TAR_INVALID", () => extension("g", record("size", "1"))],
    [
      "two local PAX headers",
      "TAR_INVALID",
      () => Buffer.concat([pax(record("path", "a")), pax(record("path", "b")), rawHeader({})]),
    ],
    [
      "PAX and GNU names that differ",
      "TAR_INVALID",
      () => Buffer.concat([pax(record("path", "a")), extension("L", "b\0"), rawHeader({})]),
    ],
    ["PAX header before the end", "TAR_INVALID", () => pax(record("path", "a"))],
    ["lone zero block", "TAR_INVALID", () => Buffer.concat([Buffer.alloc(512), rawHeader({})])],
    ["unknown type", "TAR_UNSUPPORTED", () => rawHeader({ typeflag: "Z" })],
    ["multi-volume continuation", "TAR_UNSUPPORTED", () => rawHeader({ typeflag: "M" })],
    ["huge PAX body", "TAR_LIMIT", () => rawHeader({ typeflag: "x", size: 2 ** 30 })],
    ["huge long name", "TAR_LIMIT", () => rawHeader({ typeflag: "L", size: 2 ** 30 })],
    [
      "path longer than PATH_MAX",
      "TAR_LIMIT",
      () => Buffer.concat([extension("L", "a/".repeat(2100)), rawHeader({})]),
    ],
    [
      "link longer than PATH_MAX",
      "TAR_LIMIT",
      () => Buffer.concat([extension("K", "a/".repeat(2100)), rawHeader({ typeflag: "2" })]),
    ],
    [
      "xattr longer than Linux's",
      "TAR_LIMIT",
      () => Buffer.concat([pax(record("SCHILY.xattr.user.a", filled(65537))), rawHeader({})]),
    ],
    ["endless global headers", "TAR_LIMIT", () => many(64, () => extension("g", record("comment", "x")))],
    [
      "global headers that grow without end",
      "TAR_LIMIT",
      () =>
        many(40, (i) =>
          Buffer.concat([extension("g", record(`SCHILY.xattr.user.${i}`, filled(60000))), rawHeader({})]),
        ),
    ],
  ])("%s: %s", (_, code, make) => {
    const bytes = archive(make());
    expect(codeOf(() => scan(bytes))).toBe(code);
    expect(codeOf(() => scan(bytes, 7))).toBe(code);
  });

  test("more entries than allowed", () => {
    const bytes = archive(many(11, () => rawHeader({})));
    expect(codeOf(() => scan(bytes, 512, { entries: 10 }))).toBe("TAR_LIMIT");
    expect(scan(bytes, 512, { entries: 11 })).toHaveLength(11);
  });

  test("errors name the entry's offset", () => {
    const bytes = Buffer.concat([rawHeader({ size: 3 }), padded("abc"), rawHeader({ checksum: "wrong" })]);
    expect(() => scan(bytes)).toThrow(/entry at byte 1024/);
  });

  test("cut off anywhere inside an entry: TAR_TRUNCATED; between entries: complete, as for GNU tar and Go", () => {
    const whole = Buffer.concat([
      pax(record("path", "abc")),
      rawHeader({ size: 600 }),
      padded(filled(600)),
      rawHeader({}),
    ]);
    const boundaries = new Set([0, 2560, 3072]);
    for (let cut = 0; cut <= whole.length; cut += 128)
      expect(codeOf(() => scan(whole.subarray(0, cut)))).toBe(boundaries.has(cut) ? "none" : "TAR_TRUNCATED");
  });

  test("after two zero blocks anything may follow and is not looked at", () => {
    expect(
      names(Buffer.concat([rawHeader({ name: "a" }), end, Buffer.from("garbage"), rawHeader({ name: "b" })])),
    ).toEqual(["a"]);
    expect(names(Buffer.concat([rawHeader({ name: "a" }), Buffer.alloc(512)]))).toEqual(["a"]);
  });
});

test("the size of chunks makes no difference", () => {
  const bytes = archive(
    extension("L", `${"x".repeat(150)}\0`),
    rawHeader({ size: 1000 }),
    padded(filled(1000)),
    pax(record("path", "second"), record("SCHILY.xattr.user.a", filled(2000))),
    rawHeader({ size: 1 }),
    padded("z"),
  );
  const whole = scan(bytes);
  expect(whole).toHaveLength(2);
  for (const step of [1, 3, 511, 512, 513, 1024, 1700]) expect(scan(bytes, step)).toEqual(whole);
});
