// The built libraries on the machine's own node: no bun, no TypeScript. `scripts/build lib` makes them.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as dockerfile from "../../dist/lib/dockerfile/index.js";
import { buildIndex, ErofsReader } from "../../dist/lib/erofs/index.js";
import * as oci from "../../dist/lib/oci/index.js";
import { readTar, TarScanner, TarWriter } from "../../dist/lib/tar/index.js";

const data = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const corpora = existsSync(`${data}parser-fixtures`);
const skip = corpora ? false : `the corpora of BuildKit are not at ${data}`;

test("this is node", () => {
  assert.equal(typeof globalThis.Bun, "undefined");
  assert.ok(Number(process.versions.node.split(".")[0]) >= 20);
});

test("Dockerfile: the 33 fixtures give the expected trees, the 4 negative ones are refused", { skip }, () => {
  const fixtures = `${data}parser-fixtures/`;
  const names = readdirSync(`${fixtures}testfiles`);
  assert.equal(names.length, 33);
  for (const name of names) {
    const raw = dockerfile.parseRaw(readFileSync(`${fixtures}testfiles/${name}/Dockerfile`));
    const tree = `${raw.map((instruction) => `(${dump(instruction)})`).join("\n")}\n`;
    assert.equal(tree, readFileSync(`${fixtures}testfiles/${name}/result`, "utf8"), name);
  }
  const negative = readdirSync(`${fixtures}testfiles-negative`);
  assert.equal(negative.length, 4);
  for (const name of negative)
    assert.throws(
      () => dockerfile.parseRaw(readFileSync(`${fixtures}testfiles-negative/${name}/Dockerfile`)),
      {
        name: "StrakeError",
      },
    );
});

test("Dockerfile: stages and instructions with their places", () => {
  const { stages } = dockerfile.parseDockerfile(
    "ARG B=1\nFROM base:$B AS one\nRUN <<E\ntrue\nE\nCOPY --from=one a b\n",
  );
  assert.deepEqual(
    stages.map(({ name, instructions }) => [
      name,
      instructions.map(({ kind, range }) => [kind, range.startLine]),
    ]),
    [
      [
        "one",
        [
          ["run", 3],
          ["copy", 6],
        ],
      ],
    ],
  );
  assert.equal(dockerfile.expand("$" + "{A:-x}y", new Map([["A", ""]])).value, "xy");
});

const header = {
  ...{ type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 1_700_000_000, mtimeNsec: 0, linkname: "" },
  ...{ uname: "", gname: "", devmajor: 0, devminor: 0 },
};
const entries = [
  [{ ...header, type: "directory", path: "etc", mode: 0o755 }],
  [{ ...header, path: "etc/hello", size: 5, mtimeNsec: 123_456_789, uid: 3_000_000 }, "hello"],
  [{ ...header, type: "symlink", path: "link", linkname: "etc/hello", mode: 0o777 }],
  [{ ...header, type: "hardlink", path: "twin", linkname: "etc/hello" }],
  [
    {
      ...header,
      path: `${"deep/".repeat(40)}ünï`,
      size: 1,
      xattrs: new Map([["user.a", Uint8Array.of(0, 255)]]),
    },
    "x",
  ],
  [{ ...header, path: "etc/.wh.gone" }],
];

async function makeTar() {
  const chunks = [];
  const writer = new TarWriter((chunk) => void chunks.push(Buffer.from(chunk)));
  for (const [entry, body] of entries) await writer.add(entry, body && Buffer.from(body));
  await writer.finish();
  return Buffer.concat(chunks);
}

test("tar: what is written is read back, twice the same bytes", async () => {
  const tar = await makeTar();
  assert.ok(tar.equals(await makeTar()));
  const found = [];
  for await (const { entry, body } of readTar([tar])) {
    const parts = [];
    for await (const part of body) parts.push(Buffer.from(part));
    found.push([entry.path, entry.type, Buffer.concat(parts).toString()]);
    const wanted = entries[found.length - 1][0];
    for (const field of ["mode", "uid", "mtime", "mtimeNsec", "linkname"])
      assert.equal(entry[field], wanted[field]);
  }
  assert.deepEqual(
    found,
    entries.map(([entry, body]) => [entry.path, entry.type, body ?? ""]),
  );
});

test("erofs: an index of the tar says where every byte is", async () => {
  const tar = await makeTar();
  const scanned = [];
  const scanner = new TarScanner({ onEntry: (entry) => scanned.push(entry) });
  for (let at = 0; at < tar.length; at += 700) scanner.write(tar.subarray(at, at + 700));
  scanner.end();
  const { image } = buildIndex(scanned, { tarSize: tar.length });
  const reader = new ErofsReader(image);
  const find = (path) => path.split("/").reduce((nid, name) => reader.lookup(nid, name), reader.root);
  const read = (nid) =>
    Buffer.concat(
      reader.extents(nid).map(({ offset, length }) => tar.subarray(offset, offset + length)),
    ).subarray(0, reader.inode(nid).size);
  assert.equal(read(find("etc/hello")).toString(), "hello");
  assert.equal(find("twin"), find("etc/hello"));
  assert.equal(reader.readlink(find("link")), "etc/hello");
  assert.equal(read(find(`${"deep/".repeat(40)}ünï`)).toString(), "x");
  const gone = reader.inode(find("etc/gone"));
  assert.deepEqual([gone.type, gone.devmajor, gone.devminor], ["char", 0, 0]);
});

test("oci: digests, references, platforms, manifests", () => {
  assert.equal(oci.sha256("x"), `sha256:${createHash("sha256").update("x").digest("hex")}`);
  assert.equal(
    oci.formatReference(oci.withDefaultTag(oci.parseReference("busybox"))),
    "docker.io/library/busybox:latest",
  );
  assert.throws(() => oci.parseDigest("sha256:../../x"), { code: "DIGEST_INVALID" });
  assert.equal(oci.formatPlatform(oci.parsePlatform("linux/aarch64")), "linux/arm64");
  const config = { mediaType: oci.mediaTypes.ociConfig, digest: oci.sha256("{}"), size: 2 };
  const bytes = oci.encodeManifest({
    schemaVersion: 2,
    mediaType: oci.mediaTypes.ociManifest,
    config,
    layers: [],
  });
  const { value, raw, digest } = oci.decodeManifest(bytes);
  assert.deepEqual(value.config, config);
  assert.deepEqual(raw, bytes);
  assert.equal(digest, oci.sha256(bytes));
});

/** BuildKit's s-expression of an instruction. */
function dump(raw) {
  const flags = raw.flags.length > 0 ? ` [${raw.flags.map((flag) => quote(flag.text)).join(" ")}]` : "";
  const rest = raw.child ? ` (${dump(raw.child)})` : raw.args.map((arg) => ` ${quote(arg)}`).join("");
  return raw.keyword.toLowerCase() + flags + rest;
}

/** Go's strconv.Quote, as far as the corpus needs it. */
function quote(text) {
  const named = { '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const code = (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return `"${text.replace(/["\\\x00-\x1f]/g, (character) => named[character] ?? code(character))}"`;
}
