export {
  type Owner,
  type ReadAccounts,
  resolveOwner,
  resolveUser,
  resolveUserIn,
  type User,
} from "./accounts.ts";
export type { LayerPaths } from "./layer-files.ts";
export type { Node, Part, TreeEntry } from "./node.ts";
export type { Resolved } from "./resolve.ts";
export { hiddenLayers, Tree } from "./tree.ts";
