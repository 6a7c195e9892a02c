import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tarOf } from "../support/archives.ts";
import { craftArchive } from "../support/crafted-image.ts";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";
import { lastingTraces, stampOf } from "../support/traces.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/security/breakouts.test.ts skipped: ${obstacle}`);
const corpus = fileURLToPath(new URL("../../../shared/data/breakout-layers", import.meta.url));
if (!existsSync(corpus)) console.log(`containerd's breakout layers skipped: ${corpus} is not there`);

describe.skipIf(obstacle !== undefined)("hostile layers, loaded and run", () => {
  let strake: Strake;
  /** A file and a folder of the host that layers aim at. */
  let outside: string;
  beforeAll(async () => {
    strake = makeStrake();
    outside = join(strake.home, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "secret"), "secret\n", { mode: 0o400 });
  });
  afterAll(async () => await strake?.remove());

  const host = () => [
    ...["/etc", "/etc/passwd", "/etc/group", "/bin", "/tmp/localpasswd", "/localetc", "/localpasswd"].map(
      (path) =>
        lstatSync(path, { throwIfNoEntry: false }) ? `${path} ${stampOf(path)}` : `${path} is not there`,
    ),
    ...readdirSync("/etc").map((name) => `${name} ${stampOf(join("/etc", name))}`),
    ...readdirSync("/"),
    ...[outside, join(outside, "secret")].map(stampOf),
  ];

  /** Loads, runs and builds on an image of these layers in each snapshotter; what the command printed, or undefined when refused. */
  async function tryOut(name: string, layers: readonly Uint8Array[], command: string) {
    const before = host();
    const archive = await craftArchive(strake, name, layers);
    const outputs: (string | undefined)[] = [];
    for (const snapshotter of ["erofs", "overlay", "copy"]) {
      const env = { STRAKE_SNAPSHOTTER: snapshotter };
      const loaded = await strake.run(["load", "-i", archive], { env });
      if (loaded.code !== 0) {
        expect(loaded.stderr).toMatch(/^error: /);
        outputs.push(undefined);
      } else {
        const args = ["run", "--rm", "--network", "none", name, "/bin/sh", "-c", command];
        const ran = await strake.run(args, { env });
        expect([snapshotter, ran.code, ran.stderr]).toEqual([snapshotter, 0, ""]);
        outputs.push(ran.stdout);
        const dockerfile = Buffer.from(
          `FROM ${name}\nRUN ${command}; touch /etc/made /localetc/made; true\n`,
        );
        const built = await strake.run(["build", "--no-cache", "--network", "none", "-"], {
          env,
          stdin: dockerfile,
        });
        expect([snapshotter, built.code]).toEqual([snapshotter, 0]);
        await strake.ok("rmi", "-f", name);
      }
      expect(host()).toEqual(before);
    }
    expect(new Set(outputs).size).toBe(1);
    expect(await lastingTraces(join(strake.home, "run"))).toEqual([]);
    expect(await strake.ok("gc", "--cache", "--verify")).toContain("clean");
    return outputs[0];
  }

  for (const file of existsSync(corpus) ? readdirSync(corpus).sort() : [])
    test(`containerd's ${file}`, async () => {
      const lower = await tarOf([["etc/unbroken", "unbroken"]]);
      const layer = readFileSync(join(corpus, file));
      const said = await tryOut(
        file.replace(/\.tar$/, "").toLowerCase(),
        [lower, layer],
        "cat /etc/unbroken",
      );
      expect(["unbroken", undefined]).toContain(said);
    });

  test("go-microvm#38: a directory over a symlink, a symlink over a directory, a file over either are legitimate", async () => {
    const lower = await tarOf([
      ["real/", { type: "directory", mode: 0o755 }],
      ["real/kept", "kept"],
      ["link", { type: "symlink", linkname: "real" }],
      ["dir/", { type: "directory", mode: 0o755 }],
      ["dir/old", "old"],
      ["out", { type: "symlink", linkname: outside }],
    ]);
    const upper = await tarOf([
      ["link/", { type: "directory", mode: 0o755 }],
      ["link/new", "new"],
      ["dir", { type: "symlink", linkname: "real" }],
      ["out", "a file"],
    ]);
    const said = await tryOut("replaced", [lower, upper], "ls /link /real; readlink /dir; cat /out");
    expect(said).toBe("/link:\nnew\n\n/real:\nkept\nreal\na file");
  });

  test("CVE-2014-6407, CVE-2025-59343: through a link to the host, in one layer and across two", async () => {
    const link = await tarOf([["link", { type: "symlink", linkname: outside }]]);
    const through = await tarOf([
      ["link/secret", "overwritten"],
      ["link/.wh.secret", ""],
    ]);
    const both = await tarOf([
      ["link", { type: "symlink", linkname: outside }],
      ["link/secret", "overwritten"],
    ]);
    const across = await tryOut("across", [link, through], "true");
    expect(["", undefined]).toContain(across);
    expect(["", undefined]).toContain(await tryOut("within", [both], "true"));
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("secret\n");
  });

  test("CVE-2021-37701, CVE-2021-37712: twins of a directory's name that are a link do not move what follows", async () => {
    // One character, and a letter with a combining accent: other names, whatever a file system that folds them says.
    for (const [name, twin] of [
      ["caf\u00e9", "cafe\u0301"],
      ["dir", "dir/"],
      ["a\\b", "a/b"],
    ] as const) {
      const layer = await tarOf([
        [`${name}/`, { type: "directory", mode: 0o755 }],
        [twin.replace(/\/$/, ""), { type: "symlink", linkname: outside }],
        [`${name}/secret`, "overwritten"],
      ]);
      await tryOut("twins", [layer], "true");
    }
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("secret\n");
  });

  test("CVE-2022-23648: a VOLUME that is a link or climbs takes nothing of the host", async () => {
    const layer = await tarOf([["vol", { type: "symlink", linkname: outside }]]);
    const archive = await craftArchive(strake, "volume", [layer], {
      Volumes: { "/vol": {}, [`/../../..${outside}`]: {}, "/x/../../../etc": {} },
    });
    await strake.ok("load", "-i", archive);
    const { stdout } = await strake.run([
      "run",
      "--rm",
      "--network",
      "none",
      "volume",
      "sh",
      "-c",
      "cat /vol/secret /etc/shadow; ls /vol",
    ]);
    expect(stdout).toBe("");
  });

  test("CVE-2026-53488, CVE-2024-24557: labels are no instructions; a loaded history is no build cache", async () => {
    const marker = join(outside, "obeyed");
    const labels = {
      run: `touch ${marker}`,
      install: `touch ${marker}`,
      "io.containers.autoupdate": "registry",
    };
    const poison = await tarOf([["poison", "poison"]]);
    // As if it came from the very build that follows, with another layer.
    const history = [
      { created: "2024-01-01T00:00:00Z", created_by: "strake bootstrap busybox" },
      { created: "2024-01-01T00:00:00Z", created_by: "RUN /bin/sh -c ls / > /listed # buildkit" },
    ];
    const archive = await craftArchive(strake, "forged", [poison], { Labels: labels }, { history });
    await strake.ok("load", "-i", archive);
    await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
    const stdin = Buffer.from("FROM busybox:1\nRUN ls / > /listed\n");
    const built = await strake.run(["build", "-t", "fresh", "--network", "none", "-"], { stdin });
    expect([built.code, built.stderr]).toEqual([0, expect.stringContaining("(1 run, 1 cached)")]);
    expect(await strake.ok("run", "--rm", "--network", "none", "fresh", "cat", "/listed")).not.toContain(
      "poison",
    );
    expect(existsSync(marker)).toBe(false);
  });
});
