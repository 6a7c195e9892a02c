import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Draft, makeTar, scanTar } from "../erofs/draft.test-support.ts";
import { buildIndex } from "../erofs/index.ts";

export { type Draft, makeTar, scanTar } from "../erofs/draft.test-support.ts";

/** A layer as the store keeps it: NAME.tar and NAME.erofs in a folder. */
export async function makeLayer(
  folder: string,
  name: string,
  drafts: readonly Draft[],
): Promise<LayerFilePaths> {
  const tar = await makeTar(drafts);
  const paths = { tarPath: join(folder, `${name}.tar`), indexPath: join(folder, `${name}.erofs`) };
  writeFileSync(paths.tarPath, tar);
  writeFileSync(paths.indexPath, buildIndex(scanTar(tar), { tarSize: tar.length }).image);
  return paths;
}

export interface LayerFilePaths {
  readonly tarPath: string;
  readonly indexPath: string;
}
