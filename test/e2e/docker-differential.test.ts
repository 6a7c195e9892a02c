import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Beside, startBeside } from "../support/docker/beside.ts";
import { type BuildCase, buildCases } from "../support/docker/build-cases.ts";
import { type Docker, dockerObstacle } from "../support/docker/daemon.ts";
import { differences, viewArchive } from "../support/docker/image-view.ts";
import { containerObstacle, type Strake } from "../support/strake.ts";

/** Every Dockerfile is built by docker's BuildKit and by strake over the same base; the images must be alike. */
const obstacle = containerObstacle() ?? dockerObstacle();
if (obstacle !== undefined) console.log(`skipped: builds beside docker: ${obstacle}`);

const minute = 60_000;

describe.skipIf(obstacle !== undefined)("builds beside docker", () => {
  let strake: Strake;
  let docker: Docker;
  let workspace: string;
  let stop: Beside["stop"] | undefined;

  beforeAll(async () => {
    ({ strake, docker, workspace, stop } = await startBeside());
  }, 2 * minute);
  afterAll(async () => await stop?.(), minute);

  function makeContext(example: BuildCase): string {
    const context = mkdtempSync(join(workspace, "context-"));
    writeFileSync(join(context, "Dockerfile"), example.dockerfile);
    mkdirSync(join(context, "c"));
    const script = `umask 022; cd c; ${example.prepare ?? ":"}; find . -exec touch -h -d @1600000000 {} +`;
    const { exitCode, stderr } = Bun.spawnSync(["sh", "-ec", script], { cwd: context });
    if (exitCode !== 0) throw new Error(`${example.name}: ${stderr.toString()}`);
    return context;
  }

  for (const example of buildCases) {
    test(
      example.name,
      async () => {
        const folder = makeContext(example);
        const args = ["--network", "none", ...(example.args ?? []), "-f", "Dockerfile", "c"];
        const dockerRuns = await docker.run(["build", "--no-cache", "-t", "x", ...args], { cwd: folder });
        const strakeArgs = ["build", "--no-cache", "--ca", "none", "-t", "x", ...args];
        const strakeRuns = await strake.run(strakeArgs, { cwd: folder });
        const fails = { docker: dockerRuns.code !== 0, strake: strakeRuns.code !== 0 };
        const shall = { docker: example.fails === "both", strake: example.fails !== undefined };
        if (!Bun.deepEquals(fails, shall))
          throw new Error(`${JSON.stringify({ fails })}\n${dockerRuns.stderr}\n${strakeRuns.stderr}`);
        if (example.fails) return;
        const from = example.dockerfile.includes("FROM scratch\n") ? 0 : 1;
        await docker.ok("save", "x", "-o", join(folder, "docker.tar"));
        await strake.ok("save", "x", "-o", join(folder, "strake.tar"));
        const found = differences(
          await viewArchive(join(folder, "docker.tar"), from),
          await viewArchive(join(folder, "strake.tar"), from),
        );
        const meant = example.meant ?? [];
        expect(found.filter((line) => !meant.some((pattern) => pattern.test(line)))).toEqual([]);
        // A difference that is gone is taken off the list.
        expect(meant.filter((pattern) => !found.some((line) => pattern.test(line)))).toEqual([]);
      },
      2 * minute,
    );
  }
});
