import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pieces, tarOf } from "../../../test/support/archives.ts";
import { decodeManifestOrIndex, digestHex, encodeManifest, mediaTypes, sha256 } from "../../oci/index.ts";
import { unpackLayout } from "./archive.ts";
import { OciLayout } from "./oci-layout.ts";

let home: string;
let layout: OciLayout;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-layout-"));
  layout = OciLayout.create(join(home, "layout"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const config = new TextEncoder().encode("{}");
const blobOf = (bytes: Uint8Array) => ({ digest: sha256(bytes), size: bytes.length });
const sourceOf = (bytes: Uint8Array) => ({
  open: (start: number, end: number) => [bytes.subarray(start, end)],
});
const manifestOf = (note: string, subject?: { digest: ReturnType<typeof sha256>; size: number }) =>
  decodeManifestOrIndex(
    encodeManifest({
      ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest },
      config: { mediaType: mediaTypes.ociConfig, ...blobOf(config) },
      layers: [],
      annotations: { note },
      ...(subject ? { subject: { mediaType: mediaTypes.ociManifest, ...subject } } : {}),
    }),
    mediaTypes.ociManifest,
  );
const blobPath = (digest: ReturnType<typeof sha256>) => join(home, "layout/blobs/sha256", digestHex(digest));

describe("an OCI layout", () => {
  test("gives what it was given, by name, digest and as the only one", async () => {
    const one = manifestOf("one");
    await layout.uploadBlob(blobOf(config), sourceOf(config));
    await layout.putManifest("v1", one);
    const again = OciLayout.open(join(home, "layout"));
    for (const reference of ["v1", one.digest, ""])
      expect((await again.getManifest(reference)).digest).toBe(one.digest);
    expect(await again.headBlob(sha256(config))).toBe(2);
    const bytes: Uint8Array[] = [];
    for await (const chunk of again.openBlob(blobOf(config), { start: 1 })) bytes.push(chunk);
    expect(Buffer.concat(bytes).toString()).toBe("}");
    expect(readdirSync(join(home, "layout")).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  test("a name means one image; parts and unnamed roots; referrers are found", async () => {
    const [one, two, part, root] = [manifestOf("1"), manifestOf("2"), manifestOf("part"), manifestOf("root")];
    const note = manifestOf("note", { digest: two.digest, size: two.raw.length });
    await layout.putManifest("v1", one);
    await layout.putManifest("v1", two);
    await layout.putManifest(part.digest, part);
    await layout.putManifest(root.digest, root, { isRoot: true });
    await layout.putManifest(note.digest, note);
    expect(layout.entries().map(({ digest }) => digest)).toEqual([two.digest, root.digest, note.digest]);
    expect((await layout.getManifest("v1")).digest).toBe(two.digest);
    expect((await layout.referrers(two.digest)).map(({ digest }) => digest)).toEqual([note.digest]);
    await expect(layout.getManifest("")).rejects.toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
    await expect(layout.getManifest("v2")).rejects.toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
  });

  test("many writers at once lose nothing", async () => {
    const writers = Array.from({ length: 20 }, (_, i) =>
      OciLayout.create(join(home, "layout")).putManifest(`v${i}`, manifestOf(String(i))),
    );
    await Promise.all(writers);
    expect(layout.entries().length).toBe(20);
  });

  test("takes no blob that is not what its digest says, and leaves nothing of it", async () => {
    const bytes = new TextEncoder().encode("[]");
    await expect(layout.uploadBlob(blobOf(config), sourceOf(bytes))).rejects.toMatchObject({
      code: "ARCHIVE_MISMATCH",
    });
    await expect(
      layout.uploadBlob({ digest: sha256(config), size: 1 }, sourceOf(config)),
    ).rejects.toMatchObject({
      code: "ARCHIVE_MISMATCH",
    });
    expect(await layout.headBlob(sha256(config))).toBeUndefined();
    expect(readdirSync(join(home, "layout")).sort()).toEqual(["index.json", "oci-layout"]);
  });

  test("a damaged manifest is refused", async () => {
    const one = manifestOf("one");
    await layout.putManifest("v1", one);
    writeFileSync(blobPath(one.digest), readFileSync(blobPath(one.digest), "utf8").replace("one", "two"));
    await expect(layout.getManifest("v1")).rejects.toMatchObject({ code: "ARCHIVE_MISMATCH" });
    await expect(layout.getManifest(one.digest)).rejects.toMatchObject({ code: "ARCHIVE_MISMATCH" });
  });

  test("links that lead out are neither read nor written through", async () => {
    const one = manifestOf("one");
    mkdirSync(join(home, "layout/blobs/sha256"), { recursive: true });
    writeFileSync(join(home, "secret"), one.raw);
    symlinkSync(join(home, "secret"), blobPath(one.digest));
    await expect(layout.getManifest(one.digest)).rejects.toMatchObject({ code: "ARCHIVE_INVALID" });
    await expect(layout.headBlob(one.digest)).rejects.toMatchObject({ code: "ARCHIVE_INVALID" });

    mkdirSync(join(home, "outside"));
    const other = OciLayout.create(join(home, "other"));
    symlinkSync(join(home, "outside"), join(home, "other/blobs"));
    await expect(other.uploadBlob(blobOf(config), sourceOf(config))).rejects.toMatchObject({
      code: "ARCHIVE_INVALID",
    });
    expect(readdirSync(join(home, "outside"))).toEqual([]);
  });

  test("what is no layout is refused", () => {
    mkdirSync(join(home, "empty"));
    expect(() => OciLayout.open(join(home, "empty"))).toThrow(
      expect.objectContaining({ code: "ARCHIVE_INVALID" }),
    );
    writeFileSync(join(home, "empty/oci-layout"), '{"imageLayoutVersion":"9.0"}');
    expect(() => OciLayout.create(join(home, "empty"))).toThrow(
      expect.objectContaining({ code: "ARCHIVE_INVALID" }),
    );
  });

  test("of an archive only the layout's own names are unpacked (CVE-2019-10152)", async () => {
    const folder = join(home, "unpacked");
    mkdirSync(folder);
    const hex = digestHex(sha256(config));
    const archive = await tarOf([
      ["./oci-layout", '{"imageLayoutVersion":"1.0.0"}'],
      ["index.json", "{}"],
      ["../escape", "x"],
      ["blobs/sha256/../../../escape", "x"],
      [`blobs/sha256/${hex}`, config],
      ["etc/passwd", "x"],
    ]).catch((error: unknown) => error as Error);
    if (archive instanceof Error) throw archive;
    await unpackLayout(pieces(archive), folder);
    expect(readdirSync(folder).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    expect(readdirSync(join(folder, "blobs/sha256"))).toEqual([hex]);
    expect(readdirSync(home).sort()).toEqual(["layout", "unpacked"]);
  });
});
