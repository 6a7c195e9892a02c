export { buildIndex } from "./build.ts";
export { IndexBuilder } from "./builder.ts";
export { sortByBytes } from "./directory-blocks.ts";
export type { FinishOptions, IndexSize, LayerIndex } from "./image.ts";
export { type DirectoryEntry, type Extent, type Inode, type InodeType, isWhiteout } from "./inode.ts";
export { ErofsReader } from "./reader.ts";
export { verifySuperblock } from "./superblock.ts";
export { heapMemory, type TableMemory } from "./table-memory.ts";
export { opaqueName } from "./xattr-name.ts";
