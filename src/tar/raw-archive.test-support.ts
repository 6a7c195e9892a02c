import { TarScanner, type TarScannerOptions } from "./index.ts";

/** Fields of a header as raw text or bytes, for archives that no honest writer makes. */
export interface RawFields {
  name?: string | Uint8Array;
  typeflag?: string;
  mode?: string | Uint8Array;
  uid?: string | Uint8Array;
  gid?: string | Uint8Array;
  size?: number | string | Uint8Array;
  mtime?: string | Uint8Array;
  linkname?: string;
  magic?: string;
  uname?: string;
  devmajor?: string;
  devminor?: string;
  prefix?: string | Uint8Array;
  /** Bytes put at any offset, last. */
  patch?: readonly (readonly [number, Uint8Array | string])[];
  checksum?: "unsigned" | "signed" | "wrong";
}

export function rawHeader(fields: RawFields): Buffer {
  const block = Buffer.alloc(512);
  const put = (offset: number, value: string | Uint8Array | undefined) => {
    if (value !== undefined)
      block.set(typeof value === "string" ? Buffer.from(value, "latin1") : value, offset);
  };
  const size = fields.size ?? 0;
  put(0, fields.name ?? "file");
  put(100, fields.mode ?? "0000644\0");
  put(108, fields.uid ?? "0000000\0");
  put(116, fields.gid ?? "0000000\0");
  put(124, typeof size === "number" ? `${size.toString(8).padStart(11, "0")}\0` : size);
  put(136, fields.mtime ?? "00000000000\0");
  put(156, fields.typeflag ?? "0");
  put(157, fields.linkname);
  put(257, fields.magic ?? "ustar\x0000");
  put(265, fields.uname);
  put(329, fields.devmajor);
  put(337, fields.devminor);
  put(345, fields.prefix);
  for (const [offset, bytes] of fields.patch ?? []) put(offset, bytes);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += fields.checksum === "signed" && byte > 127 ? byte - 256 : byte;
  if (fields.checksum === "wrong") sum += 1;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** Content and its padding. */
export function padded(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** An extension header (`x`, `g`, `L`, `K`) with its body. */
export function extension(typeflag: string, body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body as string);
  return Buffer.concat([rawHeader({ name: "ext", typeflag, size: bytes.length }), padded(bytes)]);
}

/** One PAX record with its right length. */
export function record(key: string, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

export function pax(...records: Buffer[]): Buffer {
  return extension("x", Buffer.concat(records));
}

export const end: Buffer = Buffer.alloc(1024);

/** The entries of an archive, fed in pieces of `step` bytes. */
export function scan(archive: Uint8Array, step = archive.length || 1, limits?: TarScannerOptions["limits"]) {
  const entries: Parameters<TarScannerOptions["onEntry"]>[0][] = [];
  const scanner = new TarScanner({ onEntry: (entry) => entries.push(entry), limits });
  for (let at = 0; at < archive.length; at += step) scanner.write(archive.subarray(at, at + step));
  scanner.end();
  return entries;
}

/** Code of the StrakeError that `action` throws, or "none". */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "none";
}
