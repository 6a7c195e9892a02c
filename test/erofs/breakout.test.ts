import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { scanTar } from "../../src/erofs/draft.test-support.ts";
import { buildIndex, ErofsReader } from "../../src/erofs/index.ts";
import { viewOf } from "../../src/erofs/index-view.test-support.ts";
import { StrakeError } from "../../src/errors/index.ts";

/** containerd's layers that once wrote outside the root they were unpacked to; not part of this repository. */
const folder = new URL("../../../shared/data/breakout-layers/", import.meta.url);
const isPresent = existsSync(folder);
if (!isPresent) console.log(`skipped: no breakout layers at ${folder.pathname}`);

/**
 * What each comes to: the code it is refused with, "indexed" where none is named. A hardlink to a file that only the host (or
 * a lower layer) has finds nothing; what goes through symlinks lands inside.
 */
const outcomes: Record<string, string> = {
  DirectoryOverrideSymlink: "LAYER_ENTRY_INVALID",
  SymlinkOverrideDirectory: "LAYER_ENTRY_INVALID",
  WhiteoutParent: "LAYER_ENTRY_INVALID",
  WhiteoutRoot: "LAYER_ENTRY_INVALID",
  SymlinkParentDirectory: "TAR_INVALID",
};

for (const name of [
  ...Object.keys(outcomes),
  "HardlinkAbsolute",
  "HardlinkRelative",
  "HardlinkSymlinkChmod",
  "SymlinkAbsolute",
  "SymlinkUpAndOut",
  "WhiteoutSymlink",
])
  test.skipIf(!isPresent)(`containerd's breakout ${name}`, () => {
    const tar = readFileSync(new URL(`TestBreakouts__${name}.tar`, folder));
    expect(outcome(tar)).toEqual(outcomes[name] ?? "indexed");
  });

/** The code a layer is refused with; for one that is not, that every name of its index can be looked up inside it. */
function outcome(tar: Uint8Array): string {
  let reader: ErofsReader;
  try {
    reader = new ErofsReader(buildIndex(scanTar(tar), { tarSize: tar.length }).image);
  } catch (error) {
    if (error instanceof StrakeError) return error.code;
    throw error;
  }
  for (const path of Object.keys(viewOf(reader))) {
    let nid: number | undefined = reader.root;
    for (const name of path.split("/").filter(Boolean))
      nid = nid === undefined ? nid : reader.lookup(nid, name);
    if (nid === undefined) return `${path} is lost`;
  }
  return "indexed";
}
