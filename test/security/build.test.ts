import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { tarOf } from "../support/archives.ts";
import { craftArchive } from "../support/crafted-image.ts";
import { type FaultShop, makeFaultShop } from "../support/fault-shop.ts";
import { containerObstacle } from "../support/strake.ts";
import { lastingTraces, stampOf } from "../support/traces.ts";

const obstacle = containerObstacle();
if (obstacle) console.log(`test/security/build.test.ts skipped: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("hostile builds", () => {
  let shop: FaultShop;
  let outside: string;
  let before: string[];
  const host = () => ["/etc", "/etc/passwd", "/etc/shadow", outside, join(outside, "secret")].map(stampOf);
  beforeAll(async () => {
    shop = await makeFaultShop();
    outside = join(shop.home, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "secret"), "host's\n");
    before = host();
  });
  afterAll(async () => {
    expect(host()).toEqual(before);
    expect(await lastingTraces(shop.home)).toEqual([]);
    expect(await shop.verify()).toEqual({ code: 0, problems: [] });
    await shop?.remove();
  });

  const offline = ["--network", "none", "--progress", "plain"];
  const build = (lines: string, ...flags: string[]) =>
    shop.build(`FROM busybox:1\n${lines}\n`, ...offline, ...flags);

  test("CVE-2024-21626: WORKDIR /proc/self/fd/N", async () => {
    for (let fd = 3; fd < 12; fd++) {
      const { code, stderr } = await build(
        `WORKDIR /proc/self/fd/${fd}\nRUN cat ../../../../../../etc/shadow`,
      );
      expect([fd, code]).not.toEqual([fd, 0]);
      expect(stderr).not.toContain("root:");
    }
  });

  test("CVE-2026-55686: WORKDIR, COPY and USER through links of the image stay in it", async () => {
    const lines = `RUN ln -s ${outside} /link\nWORKDIR /link/made\nCOPY --chown=1000 a.txt /link/\nUSER 1000\nWORKDIR /link`;
    const { code } = await build(lines, "-t", "links");
    expect(code).toBe(0);
    expect(existsSync(join(outside, "made"))).toBe(false);
    const seen = await shop.ok("run", "--rm", "--network", "none", "-u", "0", "links", "ls", outside);
    expect(seen).toBe("a.txt\nmade\n");
  });

  test("COPY --from a stage whose path is a link to / or to the host's file copies the stage's", async () => {
    const lines =
      `RUN ln -s / /root-link && ln -s ../../../../../../../.. /up && mkdir -p ${outside} && echo image > ${outside}/secret && ln -s ${outside}/secret /file-link\n` +
      "FROM scratch\nCOPY --from=0 /root-link/etc/passwd /one\nCOPY --from=0 /up/etc/passwd /two\nCOPY --from=0 /file-link /three\nCOPY --from=0 ../../../../etc/passwd /four";
    expect((await build(lines, "-t", "links")).code).toBe(0);
    const list = Bun.spawnSync(["tar", "-xO"], { stdin: await layersOf("links") }).stdout.toString();
    expect(list).not.toContain("host's");
    expect(list).toContain("image\n");
    expect(list).toContain("www-data:x:33:33");
  });

  test("the context ends at its root: links out of it, .. and absolute names find nothing of the host", async () => {
    const { context } = shop;
    symlinkSync(outside, join(context, "link"));
    symlinkSync(join(outside, "secret"), join(context, "file-link"));
    symlinkSync("../outside", join(context, "up"));
    mkdirSync(join(context, "inner"));
    symlinkSync(`../../../../../../..${outside}`, join(context, "inner/far"));
    for (const source of [
      "link/secret",
      "../outside/secret",
      `${outside}/secret`,
      "up/secret",
      "inner/far/secret",
    ])
      for (const instruction of ["COPY", "ADD"]) {
        const { code, stderr } = await build(`${instruction} ${source} /stolen`);
        expect([source, code, stderr]).toEqual([source, 1, expect.stringContaining(`>>> ${instruction} `)]);
      }
    const { code } = await build(
      "COPY . /all\nRUN cat /all/link/secret /all/file-link /all/inner/far/secret; true",
      "-t",
      "l",
    );
    expect(code).toBe(0);
    expect(
      (await build("COPY . /all\nRUN cat /all/link/secret /all/file-link; true", "--no-cache")).stderr,
    ).not.toContain("host's");
  });

  test("a context in a tar: links and .. in it find nothing of the host", async () => {
    const tar = await tarOf([
      ["Dockerfile", "FROM busybox:1\nCOPY link/secret /stolen\n"],
      ["link", { type: "symlink", linkname: outside }],
    ]);
    const linked = await shop.run(["build", ...offline, "-"], { stdin: tar });
    expect([linked.code, linked.stderr]).toEqual([1, expect.stringContaining(">>> COPY link/secret")]);
    for (const name of ["../../escaped", "a/../../escaped"]) {
      const climbing = await tarOf([
        ["Dockerfile", "FROM busybox:1\nCOPY . /\n"],
        [name, "x"],
      ]);
      expect((await shop.run(["build", ...offline, "-"], { stdin: climbing })).code).toBe(1);
    }
    const stolen = await tarOf([["Dockerfile", { type: "symlink", linkname: join(outside, "secret") }]]);
    const { code, stderr } = await shop.run(["build", ...offline, "-"], { stdin: stolen });
    expect(code).toBe(1);
    expect(stderr).not.toContain("host's");
  });

  test("a Dockerfile that is endless, huge or not one", async () => {
    for (const path of ["/dev/zero", "/proc/self/mem", shop.home]) {
      const { code, stderr } = await shop.run(["build", "-f", path, shop.context]);
      expect([path, code, stderr]).toEqual([path, 1, expect.stringMatching(/^error: /)]);
      expect(stderr).not.toContain("INTERNAL");
    }
    expect((await shop.build(`# ${"x".repeat(17 << 20)}\nFROM busybox:1\n`)).code).not.toBe(0);
  });

  test(".dockerignore of patterns that explode in a backtracking matcher", async () => {
    const name = "a".repeat(200);
    writeFileSync(join(shop.context, name), "x");
    const ignore = join(shop.context, ".dockerignore");
    writeFileSync(
      ignore,
      `${"a*".repeat(60)}b\n${"**/".repeat(100)}${"*a".repeat(50)}c\n!${"?*".repeat(50)}d\n`,
    );
    const { code } = await build(`COPY ${name} /`);
    expect(code).toBe(0);
    writeFileSync(ignore, "[a-\n");
    expect((await build("COPY a.txt /")).code).toBe(1);
    rmSync(ignore);
  });

  test("CVE-2017-14992: ADD of a bomb ends at the disk's or our limit, not in memory", async () => {
    // 64 MiB of zeros in 64 KiB, said to be 1 KiB; and one cut off.
    const bomb = gzipSync(await tarOf([["zeros", new Uint8Array(64 << 20)]]));
    writeFileSync(join(shop.context, "bomb.tar.gz"), bomb.subarray(0, bomb.length - 1000));
    expect((await build("ADD bomb.tar.gz /")).code).toBe(1);
    writeFileSync(
      join(shop.context, "bomb.tar.gz"),
      Buffer.concat([gzipSync(""), bomb, gzipSync("trailing")]),
    );
    const { code, stderr } = await build("ADD bomb.tar.gz /big/");
    expect([code, stderr]).toEqual([0, expect.stringContaining("built")]);
    rmSync(join(shop.context, "bomb.tar.gz"));
  });

  test("CVE-2014-9356: ADD of an archive that climbs or goes through its own link", async () => {
    writeFileSync(join(shop.context, "climb.tar"), await tarOf([[`../../../../../..${outside}/new`, "x"]]));
    expect((await build("ADD climb.tar /")).code).toBe(1);
    const files = [
      ["l", { type: "symlink", linkname: outside }],
      ["l/secret", "overwritten"],
      ["h", { type: "hardlink", linkname: "l/secret" }],
    ] as const;
    writeFileSync(join(shop.context, "climb.tar"), await tarOf(files));
    await build("ADD climb.tar /");
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("host's\n");
  });

  test("FROM is no beginning of an ID: a typing error takes no stranger's image", async () => {
    const id = (await shop.ok("image", "inspect", "--format", "{{.Id}}", "busybox:1")).trim().slice(7);
    for (const name of [id.slice(0, 1), id.slice(0, 4)]) {
      const { code, stderr } = await shop.build(`FROM ${name}\nRUN true\n`, ...offline);
      expect([name, code, stderr]).toEqual([name, 1, expect.stringContaining("is not in the store")]);
    }
    expect((await shop.build(`FROM ${id.slice(0, 12)}\nENV a=b\n`, ...offline)).code).toBe(0);
  });

  test("FROM in a circle, to itself, to a later stage", async () => {
    for (const [text, line] of [
      ["FROM b AS a\nFROM a AS b\n", 1],
      ["FROM self AS self\n", 1],
      ["FROM scratch AS a\nCOPY --from=b / /\nFROM a AS b\nCOPY --from=a / /\n", 2],
      ["FROM scratch\nCOPY --from=0 / /\n", 2],
      ["FROM scratch\nCOPY --from=7 / /\n", 2],
    ] as const) {
      const { code, stderr } = await shop.build(text, ...offline);
      expect([text, code, stderr]).toEqual([text, 1, expect.stringContaining(`Dockerfile:${line}\n`)]);
    }
  });

  test("more layers than overlayfs takes names for in one page", async () => {
    const copies = Array.from({ length: 130 }, (_, i) => `COPY <<x /f${i}\n${i}\nx`).join("\n");
    const { code, stderr } = await build(`${copies}\nRUN ls / | grep -c '^f[0-9]'`, "-t", "tall");
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^#\d+ [0-9.]+ 130$/m)]);
    expect(await shop.ok("run", "--rm", "--network", "none", "tall", "cat", "/f129")).toBe("129\n");
  });

  test("what made other parsers panic is an error with its line", async () => {
    // Docker 26.1.5's BuildKit (reference 4e) and friends.
    const texts = [
      "FROM busybox:1\nRUN --mount\n",
      "FROM busybox:1\nRUN --mount=\n",
      "FROM busybox:1\nRUN --mount=,\n",
      "FROM busybox:1\nCOPY --from\n",
      "FROM busybox:1\nCOPY --from= a b\n",
      "FROM busybox:1\nRUN <<\n",
      "FROM busybox:1\nCOPY <<a <<a /\n",
      'FROM busybox:1\nCMD ["\n',
      "FROM\n",
      "FROM busybox:1\nENV\n",
      "FROM busybox:1\nENV =\n",
      "FROM busybox:1\nRUN echo ${a\n",
      "FROM busybox:1\nENV a=${b:?}\n",
      "FROM busybox:1\nHEALTHCHECK --interval CMD x\n",
      "FROM busybox:1\nONBUILD ONBUILD RUN x\n",
      "FROM busybox:1 AS\n",
      "# escape=xx\nFROM busybox:1\n",
      "\ufeff\0FROM busybox:1\n",
      `FROM busybox:1\nENV ${"a=$a$a ".repeat(40)}\n`,
      "ONBUILD\n",
    ];
    for (const text of texts) {
      const { code, stderr } = await shop.build(text, ...offline);
      expect([text, stderr]).toEqual([
        text,
        expect.not.stringMatching(/INTERNAL|panic|undefined (?!variable)|TypeError/),
      ]);
      if (code !== 0)
        expect([text, stderr]).toEqual([text, expect.stringMatching(/ \| >>> |: .*required|empty/)]);
    }
  });

  test("CVE-2024-23653: a privileged step is refused, whoever asks for it", async () => {
    for (const [text, said] of [
      ["FROM busybox:1\nRUN --security=insecure id\n", "--security=insecure"],
      ["FROM busybox:1 AS a\nONBUILD RUN --security=insecure id\nFROM a\n", "--security=insecure"],
    ] as const) {
      const { code, stderr } = await shop.build(text, ...offline);
      expect([text, code, stderr]).toEqual([text, 1, expect.stringContaining(said)]);
    }
    const archive = await craftArchive(shop, "trigger", [], {
      OnBuild: ["RUN --security=insecure touch /x"],
    });
    await shop.ok("load", "-i", archive);
    const { code, stderr } = await shop.build("FROM trigger\n", ...offline);
    expect([code, stderr]).toEqual([1, expect.stringContaining("--security=insecure")]);
  });

  test("CVE-2021-3602: RUN sees nothing of the builder's environment", async () => {
    const env = { SECRET_OF_BUILDER: "s3cr3t", AWS_SECRET_ACCESS_KEY: "s3cr3t", LD_PRELOAD_: "s3cr3t" };
    const stdin = Buffer.from("FROM busybox:1\nRUN env; cat /proc/1/environ /proc/self/environ\n");
    const { code, stderr } = await shop.run(["build", "--no-cache", ...offline, "-"], { stdin, env });
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("s3cr3t")]);
  });

  test("CVE-2024-24557: HEALTHCHECK, ONBUILD and build arguments of a base do not take another's result", async () => {
    for (const [name, config] of [
      ["base-a", { OnBuild: ["RUN echo a > /who"], Healthcheck: { Test: ["CMD", "a"] } }],
      ["base-b", { OnBuild: ["RUN echo b > /who"], Healthcheck: { Test: ["CMD", "b"] } }],
    ] as const)
      await shop.ok("load", "-i", await craftArchive(shop, name, [], config));
    for (const [name, said] of [
      ["base-a", "a\n"],
      ["base-b", "b\n"],
    ] as const) {
      const built = await shop.build(`FROM ${name}\nRUN cp /who /copy\n`, ...offline, "-t", `of-${name}`);
      expect(built.code).toBe(0);
      expect(await shop.ok("run", "--rm", "--network", "none", `of-${name}`, "cat", "/copy")).toBe(said);
      expect(await shop.ok("inspect", "--format", "{{json .Config.Healthcheck.Test}}", `of-${name}`)).toBe(
        `["CMD",${JSON.stringify(said.trim())}]\n`,
      );
    }
  });

  test("CVE-2016-3697, CVE-2024-40635, CVE-2024-9676: USER by a hostile passwd", async () => {
    const passwd = await tarOf([
      ["etc/passwd", "1000:x:0:0::/root:/bin/sh\nboss:x:4294967296:0::/:/bin/sh\n"],
    ]);
    await shop.ok("load", "-i", await craftArchive(shop, "passwd", [passwd]));
    const id = (user: string) =>
      shop.build(`FROM passwd\nUSER ${user}\nRUN id -u\n`, "--no-cache", ...offline);
    expect((await id("1000")).stderr).toMatch(/^#\d+ [0-9.]+ 1000$/m);
    for (const user of ["4294967296", "4294967295", "boss", "-1", "0x0"]) {
      const { code, stderr } = await id(user);
      expect([user, code, stderr]).toEqual([user, 1, expect.stringContaining(" | >>> RUN id -u")]);
    }
    const link = await tarOf([["etc/passwd", { type: "symlink", linkname: "/proc/self/root/etc/shadow" }]]);
    const fifo = await tarOf([["etc/passwd", { type: "fifo" }]]);
    for (const [name, layer] of [
      ["linked", link],
      ["fifo", fifo],
    ] as const) {
      await shop.ok("load", "-i", await craftArchive(shop, name, [layer]));
      expect((await shop.build(`FROM ${name}\nUSER root1\nRUN id\n`, ...offline)).code).toBe(1);
    }
  });

  test("CVE-2022-2990, CVE-2023-25173: a step has its user's groups and no others", async () => {
    await shop.ok("load", "-i", await craftArchive(shop, "accounts", []));
    for (const [user, groups] of [
      ["app", "10 1000"],
      ["1234", "0"],
      ["1234:55", "55"],
      ["app:55", "55"],
    ] as const) {
      const text = `FROM accounts\nUSER ${user}\nRUN grep Groups /proc/self/status\n`;
      const { stderr } = await shop.build(text, "--no-cache", ...offline);
      expect([user, /^#\d+ [0-9.]+ Groups:\s*(.*?)\s*$/m.exec(stderr)?.[1]]).toEqual([user, groups]);
      const args = [
        "run",
        "--rm",
        "--network",
        "none",
        "-u",
        user,
        "accounts",
        "grep",
        "Groups",
        "/proc/self/status",
      ];
      expect([user, (await shop.ok(...args)).replace("Groups:", "").trim()]).toEqual([user, groups]);
    }
  });

  /** The layers of an image, one after the other. */
  async function layersOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const saved = join(shop.home, "saved");
    rmSync(saved, { recursive: true, force: true });
    mkdirSync(saved);
    await shop.ok("save", "-o", join(saved, "image.tar"), name);
    Bun.spawnSync(["tar", "-C", saved, "-xf", join(saved, "image.tar")]);
    const [{ Layers }] = JSON.parse(readFileSync(join(saved, "manifest.json"), "utf8"));
    const parts = (Layers as string[]).map((layer) => readFileSync(join(saved, layer)));
    // Without the end marks between them.
    return new Uint8Array(
      Buffer.concat(parts.map((part, i) => (i < parts.length - 1 ? part.subarray(0, -1024) : part))),
    );
  }
});
