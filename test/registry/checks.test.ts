import { expect, test } from "bun:test";
import { allChecks, Peer } from "../../src/registry/server/protocol/checks/index.ts";
import { dockerRegistryObstacle, startDockerRegistry } from "../support/docker-registry.ts";

const obstacle = dockerRegistryObstacle();
if (obstacle) console.log(`skipped: our checks are not tried on docker-registry: ${obstacle}`);

/** What Debian's docker-registry 2.8 does otherwise than the distribution-spec says, and by which checks it shows. */
const known: readonly [reason: string, checks: RegExp][] = [
  ["it knows no upload in one request", /^sha256 blobs: POST with everything/],
  ["it takes any chunk for the next one", /^sha256 blobs: chunks out of order/],
  ["it mounts only from a repository that is named", /^sha256 blobs: mount without from$/],
  [
    "it stores what comes with a sha512 digest under sha256, and says so",
    /^sha512 blobs: (?!.*never|.*status|cancel)/,
  ],
  ["it stores what comes with a sha512 digest under sha256, and says so", /sha512$/],
  ["it is older than the referrers API", /: no tags, no referrers$| about /],
  ["it is older than tags as parameters", /^content: tags as parameters/],
  ["it answers 500 to layers that are elsewhere", /^content: layers that are not distributed$/],
  ["it takes nothing that names what is not there", /is not here$/],
  ["it takes a malformed digest for a tag, and answers 500", /under another digest is refused$/],
  ["its tags are in no order", /^content: the list of tags is sorted/],
  ["it deletes no tag alone", /^content: a tag goes alone/],
];
/** Where sha512 makes no difference: what is refused anyway. */
const sha512Passes = /^sha512 blobs: (?!POST with everything).*: another digest is refused/;

test.skipIf(obstacle !== undefined)(
  "our checks are sane: docker-registry passes all but those it is known to fail",
  async () => {
    const registry = await startDockerRegistry();
    const failed: string[] = [];
    try {
      const peer = new Peer(`http://${registry.host}/`);
      for (const { name, run } of allChecks) await run(peer).catch(() => failed.push(name));
    } finally {
      await registry.stop();
    }
    const expected = allChecks
      .map(({ name }) => name)
      .filter((name) => known.some(([, checks]) => checks.test(name)) && !sha512Passes.test(name));
    expect(failed.filter((name) => !expected.includes(name))).toEqual([]);
    const version = Bun.spawnSync(["docker-registry", "--version"]).stdout.toString();
    if (version.includes(" 2.8.")) expect(failed).toEqual(expected);
    console.log(`docker-registry passes ${allChecks.length - failed.length} of ${allChecks.length} checks`);
  },
  120_000,
);
