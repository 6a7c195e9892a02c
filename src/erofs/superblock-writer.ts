import { crc32c } from "./crc32c.ts";
import {
  blockBits,
  blockSize,
  compatChecksum,
  compatMtime,
  deviceSlotSize,
  incompatChunked,
  incompatDevices,
  superField,
  superMagic,
  superOffset,
  superSize,
} from "./format.ts";
import { setInt64, setUint64 } from "./wide-integer.ts";

export interface SuperblockFields {
  readonly rootNid: number;
  readonly inodes: number;
  /** Time of the compact inodes, which have none of their own. */
  readonly epoch: number;
  readonly epochNsec: number;
  readonly xattrBlock: number;
  /** Blocks of device 1, the layer's tar. */
  readonly tarBlocks: number;
  readonly uuid: Uint8Array | undefined;
}

/** The device table follows the superblock within its block, so the checksum covers both. */
const deviceTable = superOffset + superSize;

/** Writes superblock and device table of an image that is otherwise complete. */
export function writeSuperblock(image: Uint8Array, fields: SuperblockFields): void {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const at = superOffset;
  view.setUint32(at + superField.magic, superMagic, true);
  view.setUint32(at + superField.featureCompat, compatChecksum | compatMtime, true);
  image[at + superField.blockBits] = blockBits;
  view.setUint16(at + superField.rootNid, fields.rootNid, true);
  setUint64(view, at + superField.inodes, fields.inodes);
  setInt64(view, at + superField.epoch, fields.epoch);
  view.setUint32(at + superField.epochNsec, fields.epochNsec, true);
  view.setUint32(at + superField.blocks, image.length / blockSize, true);
  view.setUint32(at + superField.xattrBlock, fields.xattrBlock, true);
  if (fields.uuid) image.set(fields.uuid.subarray(0, 16), at + superField.uuid);
  view.setUint32(at + superField.featureIncompat, incompatChunked | incompatDevices, true);
  view.setUint16(at + superField.extraDevices, 1, true);
  view.setUint16(at + superField.deviceSlot, deviceTable / deviceSlotSize, true);
  view.setUint32(deviceTable + 64, Math.min(fields.tarBlocks, 0xffffffff), true);
  // The sum covers the superblock's whole block, with the field itself as zero.
  view.setUint32(at + superField.checksum, crc32c(image.subarray(at, at + blockSize)), true);
}
