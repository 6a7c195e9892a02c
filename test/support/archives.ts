import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, digestHex, encodeDocument, mediaTypes, sha256 } from "../../src/oci/index.ts";
import { Store } from "../../src/store/index.ts";
import { type EntryHeader, TarWriter } from "../../src/tar/index.ts";

/** A file of a tar: its content, or a header that differs from a plain file's, with content. */
export type TarFile = string | Uint8Array | (Partial<EntryHeader> & { readonly content?: Uint8Array });

const plain: EntryHeader = {
  ...{ type: "file", path: "", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, mtimeNsec: 0 },
  ...{ linkname: "", uname: "", gname: "", devmajor: 0, devminor: 0 },
} as const;

/** A tar of these files, in their order. */
export async function tarOf(files: readonly (readonly [string, TarFile])[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const writer = new TarWriter((chunk) => void chunks.push(Buffer.from(chunk)));
  for (const [path, file] of files) {
    const isContent = typeof file === "string" || file instanceof Uint8Array;
    const content = isContent ? Buffer.from(file as string) : Buffer.from(file.content ?? []);
    await writer.add(
      { ...plain, path, size: content.length, ...(isContent ? {} : withoutContent(file)) },
      content,
    );
  }
  await writer.finish();
  return Buffer.concat(chunks);
}

function withoutContent({
  content: _,
  ...header
}: Exclude<TarFile, string | Uint8Array>): Partial<EntryHeader> {
  return header;
}

export const json = (value: unknown): Buffer => Buffer.from(encodeDocument(value));

/** An image of one file a layer. */
export async function makeImage(files: readonly string[], config: Record<string, unknown> = {}) {
  const layers = await Promise.all(files.map((name) => tarOf([[name, `content of ${name}`]])));
  const bytes = json({
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map((layer) => sha256(layer)) },
    ...config,
  });
  return { layers, config: bytes, id: sha256(bytes) };
}

export type TestImage = Awaited<ReturnType<typeof makeImage>>;

/** The files of a docker-archive, as `docker save` before 25 wrote it. */
export function dockerFiles(image: TestImage, names: readonly string[] | null): [string, TarFile][] {
  const layers = image.layers.map(
    (layer, i) => [`${digestHex(sha256(layer))}-${i}/layer.tar`, layer] as [string, TarFile],
  );
  const Config = `${digestHex(image.id)}.json`;
  const manifest = [{ Config, RepoTags: names, Layers: layers.map(([name]) => name) }];
  return [...layers, [Config, image.config], ["manifest.json", json(manifest)]];
}

export const blob = (content: Uint8Array): [string, TarFile] => [
  `blobs/sha256/${digestHex(sha256(content))}`,
  content,
];

export const descriptorOf = (content: Uint8Array, mediaType: string, more: Record<string, unknown> = {}) => ({
  ...{ mediaType, digest: sha256(content) as Digest, size: content.length },
  ...more,
});

/** A manifest of an image with its layers as they are. */
export function manifestOf(image: TestImage, more: Record<string, unknown> = {}): Buffer {
  return json({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptorOf(image.config, mediaTypes.ociConfig),
    layers: image.layers.map((layer) => descriptorOf(layer, mediaTypes.ociLayer)),
    ...more,
  });
}

/** The files of an OCI layout with these entries in its index. */
export function layoutFiles(
  manifests: readonly unknown[],
  blobs: readonly Uint8Array[],
): [string, TarFile][] {
  return [
    ...blobs.map(blob),
    ["index.json", json({ schemaVersion: 2, manifests })],
    ["oci-layout", json({ imageLayoutVersion: "1.0.0" })],
  ];
}

/** Bytes as a stream of small pieces, so that no reader can rely on where a chunk ends. */
export async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A store in a folder of its own. */
export function makeStore(): { store: Store; home: string; remove(): void } {
  const home = mkdtempSync(join(tmpdir(), "strake-archive-"));
  const store = Store.open({ root: join(home, "root"), runRoot: join(home, "run") });
  return {
    store,
    home,
    remove: () => {
      store.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
