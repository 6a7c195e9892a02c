export { blockSize, endOfArchive, paddedSize, paddingOf } from "./block.ts";
export { encodeHeader, HeaderEncoder, maxHeaderSize } from "./encoder.ts";
export type { Entry, EntryHeader, EntryType, SparseExtent } from "./entry.ts";
export { defaultLimits, type TarLimits } from "./limits.ts";
export { cleanEntryPath, decodePath, encodePath, quote } from "./path.ts";
export { type ReadTarOptions, readTar, type TarItem } from "./reader.ts";
export { TarScanner, type TarScannerOptions } from "./scanner.ts";
export { type TarBody, type TarSink, TarWriter, type TarWriterOptions } from "./writer.ts";
