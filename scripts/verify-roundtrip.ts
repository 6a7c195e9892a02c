#!/usr/bin/env bun
/** `bun scripts/verify-roundtrip.ts FILE.tar...`: every entry of the tars, compared with their index; exit 1 on a difference. */
import { verifyRoundtrip } from "../test/erofs/roundtrip.ts";

let failed = false;
for (const tar of process.argv.slice(2)) {
  const { entries, differences, skipped } = verifyRoundtrip(tar);
  for (const line of differences.slice(0, 50)) console.log(line);
  for (const reason of skipped) console.log(`not checked: ${reason}`);
  console.log(`${tar}: ${entries} entries, ${differences.length} differences`);
  failed ||= differences.length > 0 || entries === 0;
}
process.exit(failed ? 1 : 0);
