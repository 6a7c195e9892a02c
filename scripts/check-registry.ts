/**
 * Asks any registry what the distribution-spec asks of it, and counts: scripts/bun scripts/check-registry.ts URL [WORD]
 * URL may hold a name and a password. With WORD only checks that have it in their name. Writes to repositories below
 * `checks/`, and deletes most of what it wrote. Ends with 1 when something failed.
 */
import { allChecks, countTable, Peer, runChecks } from "../src/registry/server/protocol/checks/index.ts";

const [url, word = ""] = process.argv.slice(2);
if (url === undefined) {
  console.error("usage: scripts/bun scripts/check-registry.ts http[s]://[NAME:PASSWORD@]HOST[:PORT]/ [WORD]");
  process.exit(2);
}
const checks = allChecks.filter(({ subject, name }) => `${subject}: ${name}`.includes(word));
const results = await runChecks(new Peer(url), checks, ({ check, failure }) => {
  if (failure !== undefined) console.log(`FAIL ${check.subject}: ${check.name}\n     ${failure}`);
});
console.log(countTable(results));
process.exit(results.some(({ failure }) => failure !== undefined) ? 1 : 0);
