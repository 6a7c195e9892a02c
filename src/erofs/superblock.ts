import { StrakeError } from "../errors/index.ts";
import { crc32c } from "./crc32c.ts";
import {
  incompatChunked,
  incompatDevices,
  superField,
  superMagic,
  superOffset,
  superSize,
} from "./format.ts";
import { getInt64, getUint64 } from "./wide-integer.ts";

/** What a reader needs from the superblock. */
export interface Superblock {
  readonly blockBits: number;
  readonly rootNid: number;
  readonly inodes: number;
  readonly epoch: number;
  readonly epochNsec: number;
  /** Byte offset node ids count from. */
  readonly metaOffset: number;
  /** Byte offset shared attribute ids count from. */
  readonly xattrOffset: number;
  readonly devices: number;
}

/** Reads and checks the superblock. Errors: `EROFS_INVALID`. */
export function readSuperblock(image: Uint8Array, view: DataView): Superblock {
  const at = superOffset;
  if (image.length < at + superSize || view.getUint32(at + superField.magic, true) !== superMagic)
    throw new StrakeError("EROFS_INVALID", "not a layer index: the EROFS superblock is missing");
  const blockBits = image[at + superField.blockBits]!;
  if (blockBits < 9 || blockBits > 12 || image[at + superField.directoryBlockBits] !== 0)
    throw new StrakeError("EROFS_INVALID", "the layer index has a block size that is not supported");
  const unknown =
    view.getUint32(at + superField.featureIncompat, true) & ~(incompatChunked | incompatDevices);
  if (unknown !== 0)
    throw new StrakeError(
      "EROFS_INVALID",
      `the layer index uses unknown features (0x${(unknown >>> 0).toString(16)})`,
    );
  const blockSize = 1 << blockBits;
  return {
    blockBits,
    rootNid: view.getUint16(at + superField.rootNid, true),
    inodes: getUint64(view, at + superField.inodes),
    epoch: getInt64(view, at + superField.epoch),
    epochNsec: view.getUint32(at + superField.epochNsec, true),
    metaOffset: view.getUint32(at + superField.metaBlock, true) * blockSize,
    xattrOffset: view.getUint32(at + superField.xattrBlock, true) * blockSize,
    devices: view.getUint16(at + superField.extraDevices, true),
  };
}

/** Whether the superblock's checksum fits its block. Not part of opening: it reads the block twice. */
export function verifySuperblock(image: Uint8Array): boolean {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const { blockBits } = readSuperblock(image, view);
  const blockSize = 1 << blockBits;
  const covered = blockSize > superOffset ? blockSize - superOffset : blockSize;
  const block = image.slice(superOffset, superOffset + covered);
  block.fill(0, superField.checksum, superField.checksum + 4);
  return crc32c(block) === view.getUint32(superOffset + superField.checksum, true);
}
