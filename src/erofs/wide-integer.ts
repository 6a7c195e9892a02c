/** 64-bit fields as numbers. Reading beyond 2^53 is inexact, which every use as an offset or size refuses as out of range. */

export function getUint64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}

export function getInt64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getInt32(offset + 4, true) * 2 ** 32;
}

export function setUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

export function setInt64(view: DataView, offset: number, value: number): void {
  if (value >= 0) setUint64(view, offset, value);
  else view.setBigInt64(offset, BigInt(value), true);
}
