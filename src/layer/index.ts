export { type CompressOptions, compress } from "./compression/compress.ts";
export { type DecompressOptions, decompress } from "./compression/decompress.ts";
export { type CompressionFormat, detectCompression } from "./compression/detect.ts";
export { type DiffUpperOptions, diffUpper, type UpperEntry } from "./diff.ts";
export { type IngestOptions, ingestTar } from "./ingest.ts";
export * from "./snapshotter/index.ts";
export * from "./tree/index.ts";
export { type WritableEntry, writeDiff } from "./write-diff.ts";
export { type CommitOptions, LayerWriter, type LayerWriterOptions } from "./writer.ts";
