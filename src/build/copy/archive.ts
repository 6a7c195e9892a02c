import { detectCompression } from "../../layer/index.ts";
import type { CopySource, SourceNode } from "./source.ts";

const magicOffset = 257;
const blockSize = 512;

/**
 * Whether ADD unpacks a file: its content is a tar, or packed with gzip, bzip2, xz or zstd (what is inside is seen when it is
 * unpacked, and a packed file that holds no tar is then copied as it is). Names say nothing.
 */
export function isArchive(source: CopySource, path: string, node: SourceNode): boolean {
  if (node.type !== "file" || node.size < 10) return false;
  const file = source.open(path, node, { verify: true });
  try {
    const start = new Uint8Array(blockSize);
    const length = file.read(start, 0);
    return detectCompression(start.subarray(0, length)) !== "none" || isTarHeader(start.subarray(0, length));
  } finally {
    file.close();
  }
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
