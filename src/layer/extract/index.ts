export { type ExtractOptions, extractTree } from "./extract.ts";
export { type Attributes, applyToOpen } from "./make.ts";
export { removeTree } from "./remove.ts";
export { maySetXattr, processRights, type Rights } from "./rights.ts";
export { layerSource, type Source, type SourceNode, treeSource } from "./source.ts";
