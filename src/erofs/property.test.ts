import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Draft } from "./draft.test-support.ts";
import { buildIndex, ErofsReader } from "./index.ts";
import { entriesOf } from "./index-view.test-support.ts";

/** A tree as nested values: what a directory holds, or a leaf. */
interface Branch {
  readonly fields: Partial<Draft>;
  readonly children?: ReadonlyMap<string, Branch>;
}

const escaped = fc.integer({ min: 0xdc80, max: 0xdcff }).map((unit) => String.fromCharCode(unit));
const name = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
    fc.string({ minLength: 1, maxLength: 60 }),
    escaped,
  )
  .map((text) => text.replaceAll(/[/\0]/g, "_").replace(/^\.+/, "_"));
const xattrs = fc.option(
  fc
    .dictionary(
      fc
        .tuple(fc.constantFrom("user.", "trusted.", "security."), fc.string({ minLength: 1, maxLength: 20 }))
        .map((parts) => parts.join("").replaceAll("\0", "_")),
      fc.uint8Array({ maxLength: 300 }),
      { maxKeys: 4 },
    )
    .map((values) => new Map(Object.entries(values))),
  { nil: undefined },
);
const metadata = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.oneof(fc.nat(70000), fc.integer({ min: 0, max: 2 ** 32 - 2 })),
  gid: fc.nat(2 ** 32 - 2),
  mtime: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
  mtimeNsec: fc.nat(999_999_999),
  xattrs,
});
const leaf: fc.Arbitrary<Partial<Draft>> = fc.oneof(
  fc.record({ type: fc.constant("file" as const), body: fc.uint8Array({ maxLength: 2000 }) }),
  fc.record({
    type: fc.constant("symlink" as const),
    linkname: fc.string({ minLength: 1, maxLength: 1500 }).map((text) => text.replaceAll("\0", "_")),
  }),
  fc.record({
    type: fc.constantFrom("char" as const, "block" as const),
    devmajor: fc.integer({ min: 1, max: 4095 }),
    devminor: fc.nat(2 ** 20 - 1),
  }),
  fc.constant({ type: "fifo" as const }),
);
const { branch } = fc.letrec<{ branch: Branch }>((tie) => ({
  branch: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.tuple(metadata, leaf).map(([fields, own]): Branch => ({ fields: { ...fields, ...own } })),
    fc.tuple(metadata, fc.array(fc.tuple(name, tie("branch")), { maxLength: 30 })).map(
      ([fields, children]): Branch => ({
        fields: { ...fields, type: "directory" },
        children: new Map(children),
      }),
    ),
  ),
}));

function draftsOf(path: string, { fields, children }: Branch): Draft[] {
  const drafts: Draft[] = [{ ...fields, path }];
  for (const [child, below] of children ?? []) drafts.push(...draftsOf(`${path}/${child}`, below));
  return drafts;
}

function check(reader: ErofsReader, nid: number, { fields, children }: Branch): void {
  const { body, xattrs: wanted, linkname, ...plain } = fields;
  expect(reader.inode(nid)).toMatchObject(plain);
  expect(reader.xattrs(nid)).toEqual(
    new Map([...(wanted ?? [])].map(([key, value]) => [key, Uint8Array.from(value)])),
  );
  if (linkname !== undefined) expect(reader.readlink(nid)).toBe(linkname);
  if (body !== undefined)
    expect(reader.extents(nid).reduce((sum, extent) => sum + extent.length, 0)).toBe(body.length);
  if (!children) return;
  const listed = [...reader.readdir(nid)];
  expect(new Set(listed.map((entry) => entry.name))).toEqual(new Set(children.keys()));
  const bytes = listed.map((entry) => Buffer.from(entry.name.toWellFormed()));
  if (listed.every((entry) => entry.name.isWellFormed()))
    expect(bytes).toEqual(bytes.toSorted(Buffer.compare));
  for (const entry of listed) {
    expect(reader.lookup(nid, entry.name)).toBe(entry.nid);
    check(reader, entry.nid, children.get(entry.name)!);
  }
}

test("a random tree comes back from its index", () => {
  fc.assert(
    fc.property(branch, (tree) => {
      const reader = new ErofsReader(buildIndex(entriesOf(draftsOf("top", tree))).image);
      check(reader, reader.lookup(reader.root, "top")!, tree);
    }),
    { numRuns: 150 },
  );
});

test("the order of unrelated entries does not change the image", () => {
  const flat = fc.uniqueArray(fc.tuple(name, metadata), { selector: ([key]) => key, maxLength: 30 });
  fc.assert(
    fc.property(flat, (items) => {
      const entries = entriesOf(items.map(([path, fields]) => ({ ...fields, path })));
      expect(buildIndex(entries.toReversed(), { tarSize: 1e6 }).image).toEqual(
        buildIndex(entries, { tarSize: 1e6 }).image,
      );
    }),
    { numRuns: 50 },
  );
});
