import { crc32c } from "./crc32c.ts";
import {
  blockBits,
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
  /** Blocks of the image. */
  readonly blocks: number;
  /** Blocks of device 1, the layer's tar. */
  readonly tarBlocks: number;
  readonly uuid: Uint8Array | undefined;
}

/** Within the block: the device table follows the superblock, so the checksum covers both. */
const deviceTable = superSize;

/** Writes superblock and device table into the zeroed block that holds both. */
export function writeSuperblock(block: Uint8Array, fields: SuperblockFields): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  view.setUint32(superField.magic, superMagic, true);
  view.setUint32(superField.featureCompat, compatChecksum | compatMtime, true);
  block[superField.blockBits] = blockBits;
  view.setUint16(superField.rootNid, fields.rootNid, true);
  setUint64(view, superField.inodes, fields.inodes);
  setInt64(view, superField.epoch, fields.epoch);
  view.setUint32(superField.epochNsec, fields.epochNsec, true);
  view.setUint32(superField.blocks, fields.blocks, true);
  view.setUint32(superField.xattrBlock, fields.xattrBlock, true);
  if (fields.uuid) block.set(fields.uuid.subarray(0, 16), superField.uuid);
  view.setUint32(superField.featureIncompat, incompatChunked | incompatDevices, true);
  view.setUint16(superField.extraDevices, 1, true);
  view.setUint16(superField.deviceSlot, (superOffset + deviceTable) / deviceSlotSize, true);
  view.setUint32(deviceTable + 64, Math.min(fields.tarBlocks, 0xffffffff), true);
  // The sum covers the superblock's whole block, with the field itself as zero.
  view.setUint32(superField.checksum, crc32c(block), true);
}
