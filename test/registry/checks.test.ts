import { expect, test } from "bun:test";
import {
  allChecks,
  type Check,
  countTable,
  Peer,
  pullThroughChecks,
  runChecks,
} from "../../src/registry/server/protocol/checks/index.ts";
import { dockerRegistryObstacle, startDockerRegistry } from "../support/docker-registry.ts";

const obstacle = dockerRegistryObstacle();
if (obstacle) console.log(`skipped: our checks are not tried on docker-registry: ${obstacle}`);

/** What Debian's docker-registry 2.8 does otherwise than the distribution-spec says, and by which checks it shows. */
const known: readonly [reason: string, checks: RegExp][] = [
  ["it knows no upload in one request", /POST with everything/],
  [
    "it takes any chunk for the next one",
    /^chunks: .*(out of order|does not begin at 0|was there already|Content-Range that is none)/,
  ],
  ["it mounts only from a repository that is named", /^mount: .*: without from$/],
  [
    "it stores what comes with a sha512 digest under sha256, and says so",
    /sha512(?!.*(never|status|cancel|without a digest|another digest is refused))/,
  ],
  ["it is older than the referrers API", /^referrers: |^content: .* about /],
  ["it is older than tags as parameters", /^tag parameters: /],
  ["it answers 500 to layers that are elsewhere", /^content: layers that are not distributed$/],
  ["it takes nothing that names what is not there", /is not here$/],
  ["it takes a malformed digest for a tag, and answers 500", /^manifests: .*malformed digest/],
  ["it answers 500 to what is no manifest", /^manifests: what is no manifest is refused$/],
  ["its tags are in no order and have no pages", /^tags: (the list is sorted|it begins|it has|its Links)/],
  ["it deletes no tag alone", /^deletion: a tag (goes alone|that goes by its name)/],
];

test("docs/registry.md says how many checks there are", async () => {
  const page = await Bun.file(new URL("../../docs/registry.md", import.meta.url)).text();
  const section = page.split("\n## ").find((each) => each.startsWith("How it keeps to the specification"))!;
  const numbers = /^(\d+) checks .* (\d+) of them for what comes after 1\.1/m.exec(section)!.slice(1);
  expect(numbers).toEqual([allChecks.length, allChecks.filter(({ dev }) => dev).length].map(String));
  expect(/the (\d+) that can be asked of a cache/.exec(section)?.[1]).toBe(String(pullThroughChecks.length));
});

const conformancePage = new URL("../../docs/conformance.md", import.meta.url);

test("docs/conformance.md counts the checks of each subject", async () => {
  const page = await Bun.file(conformancePage).text();
  const rows = [...page.matchAll(/^\| ([a-z0-9 ]+) \| (\d+) \| (\d+) \| (\d+) \|/gm)];
  const countOf = (belongs: (check: Check) => boolean) => [
    allChecks.filter(belongs).length,
    allChecks.filter((check) => belongs(check) && check.dev).length,
    pullThroughChecks.filter(belongs).length,
  ];
  const subjects = [...new Set(allChecks.map(({ subject }) => subject))];
  expect(rows.map(([, name, ...counts]) => [name, ...counts.map(Number)])).toEqual([
    ...subjects.map((wanted) => [wanted, ...countOf(({ subject }) => subject === wanted)]),
    ["all", ...countOf(() => true)],
  ]);
});

test.skipIf(obstacle !== undefined)(
  "our checks are sane: docker-registry passes all but those it is known to fail",
  async () => {
    const registry = await startDockerRegistry();
    const peer = new Peer(`http://${registry.host}/`);
    const results = await runChecks(peer, allChecks).finally(() => registry.stop());
    const named = results.map(({ check, failure }) => ({ name: `${check.subject}: ${check.name}`, failure }));
    const failed = named.filter(({ failure }) => failure !== undefined);
    const isKnown = ({ name }: { name: string }) => known.some(([, checks]) => checks.test(name));
    expect(failed.filter((each) => !isKnown(each))).toEqual([]);
    const version = Bun.spawnSync(["docker-registry", "--version"]).stdout.toString();
    if (version.includes(" 2.8."))
      expect(failed.map(({ name }) => name)).toEqual(named.filter(isKnown).map(({ name }) => name));
    const said = /docker-registry 2\.8\.2, [^|]*\| files \| (\d+);/.exec(
      await Bun.file(conformancePage).text(),
    )?.[1];
    if (version.includes(" 2.8.2")) expect(results.length - failed.length).toBe(Number(said));
    console.log(countTable(results));
  },
  120_000,
);
