import { decompress, detectCompression } from "../../layer/index.ts";
import type { CopyArgument } from "./map.ts";
import { matchSources } from "./match.ts";
import type { CopySource, SourceNode } from "./source.ts";

const magicOffset = 257;
const blockSize = 512;
const pieceSize = 256 * 1024;

/**
 * Tells which of ADD's sources are unpacked: those that hold a tar, plain or packed with gzip, bzip2, xz or zstd. Names say
 * nothing, and a packed file that holds no tar is copied as it is. Reads the first blocks of each file that the
 * arguments name. Errors of a packed file's first bytes are thrown.
 */
export async function findArchives(
  list: readonly CopyArgument[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<(source: CopySource, path: string) => boolean> {
  const found = new Map<CopySource, Set<string>>();
  for (const { source, pattern } of list) {
    for (const { from: path, node } of matchSources(source, pattern)) {
      if (node && (await isArchive(source, path, node, options))) {
        found.set(source, (found.get(source) ?? new Set()).add(path));
      }
    }
  }
  return (source, path) => found.get(source)?.has(path) ?? false;
}

async function isArchive(
  source: CopySource,
  path: string,
  node: SourceNode,
  options: { readonly signal?: AbortSignal },
): Promise<boolean> {
  if (node.type !== "file" || node.size < 10) return false;
  const start = new Uint8Array(blockSize);
  const file = source.open(path, node, { verify: true });
  let length: number;
  try {
    length = file.read(start, 0);
  } finally {
    file.close();
  }
  if (detectCompression(start.subarray(0, length)) === "none") return isTarHeader(start.subarray(0, length));
  const unpacked = decompress(contentOf(source, path, node), options);
  const first = await firstBlock(unpacked);
  await unpacked.return(undefined);
  return isTarHeader(first);
}

/** A file's bytes in pieces. */
export async function* contentOf(
  source: CopySource,
  path: string,
  node: SourceNode,
): AsyncGenerator<Uint8Array> {
  const file = source.open(path, node, { verify: true });
  try {
    for (let at = 0; at < file.size; ) {
      const piece = new Uint8Array(Math.min(pieceSize, file.size - at));
      const count = file.read(piece, at);
      if (count === 0) return;
      yield piece.subarray(0, count);
      at += count;
    }
  } finally {
    file.close();
  }
}

/** The first 512 bytes of a stream. */
async function firstBlock(stream: AsyncGenerator<Uint8Array>): Promise<Uint8Array> {
  const held: Uint8Array[] = [];
  let length = 0;
  while (length < blockSize) {
    const { value, done } = await stream.next();
    if (done) break;
    held.push(value);
    length += value.length;
  }
  return Buffer.concat(held).subarray(0, blockSize);
}

/** A tar's first block: the magic of ustar and GNU, or for older ones a checksum that is right. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < blockSize || block[0] === 0) return false;
  const magic = String.fromCharCode(...block.subarray(magicOffset, magicOffset + 5));
  if (magic === "ustar") return true;
  let sum = 0;
  for (let i = 0; i < blockSize; i++) sum += i >= 148 && i < 156 ? 0x20 : block[i]!;
  const stored = /^ *([0-7]+)[ \0]*$/.exec(String.fromCharCode(...block.subarray(148, 156)))?.[1];
  return stored !== undefined && Number.parseInt(stored, 8) === sum;
}
