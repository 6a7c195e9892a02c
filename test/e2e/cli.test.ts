import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import { containerObstacle, fetchSoon, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: the command line end to end: ${obstacle}`);

describe("without a store", () => {
  let strake: Strake;
  beforeAll(() => {
    strake = makeStrake();
  });
  afterAll(async () => await strake.remove());

  test("version, help and completion", async () => {
    expect(await strake.ok("version")).toStartWith("strake ");
    expect(await strake.ok("--help")).toContain("Build an image from a Dockerfile");
    expect(await strake.ok("build", "--help")).toContain("--build-arg NAME[=VALUE]");
    expect(await strake.ok("help", "errors")).toContain("BUILD_RUN_FAILED");
    expect(await strake.ok("completion", "bash")).toContain("complete -o default");
  });

  test("mistakes are named, with what was probably meant, on stderr", async () => {
    const wrong = await strake.run(["biuld", "."]);
    expect(wrong).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("did you mean strake build?"),
    });
    const flag = await strake.run(["run", "--nmae", "x", "img"]);
    expect(flag).toMatchObject({ code: 125, stderr: expect.stringContaining("did you mean --name?") });
  });

  test.each([
    ["stats web", "docker has it, strake does not yet"],
    ["prune", "strake image prune"],
    ["load x.tar", "strake load -i x.tar"],
    ["build", "strake build ."],
    ["run --rm https://docker.io/busybox", "leave https:// out"],
    ["run --rm --env-file nof x", "nof: there is no such file"],
    ["cp a.txt web", "write strake cp a.txt NAME:PATH"],
    ["cp a:/x b:/y", "strake cp a:/x - | strake cp - b:/y"],
  ])("%s: %s", async (line, message) => {
    const { code, stderr } = await strake.run(line.split(" "));
    expect([code !== 0, stderr]).toEqual([true, expect.stringContaining(message)]);
  });

  test.each([
    ["nowhere", "there is no folder nowhere"],
    ["a-file", "the context a-file is a file, not a folder"],
    ["https://example.com/x.git", "a repository or URL cannot be the context"],
    ["git@example.com:x/y", "a repository or URL cannot be the context"],
    [".", "there is no Dockerfile in"],
  ])("a context that is none: %s", async (context, message) => {
    writeFileSync(join(strake.home, "a-file"), "");
    const { code, stderr } = await strake.run(["build", context]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
  });
});

describe.skipIf(obstacle !== undefined)("with containers", () => {
  let strake: Strake;
  let context: string;

  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
    context = join(strake.home, "context");
    mkdirSync(context);
    writeFileSync(join(context, "a.txt"), "hello\n");
  });
  afterAll(async () => await strake?.remove());

  const build = (dockerfile: string, ...flags: string[]) =>
    strake.run(["build", "-f", "-", ...flags, context], { stdin: Buffer.from(dockerfile) });

  test("build, cached build, history, inspect, images", async () => {
    const dockerfile =
      'FROM busybox:1\nENV A=1\nWORKDIR /app\nCOPY a.txt .\nRUN cat a.txt > b.txt\nEXPOSE 80\nCMD ["cat", "b.txt"]\n';
    const iidfile = join(strake.home, "iid");
    const first = await build(
      dockerfile,
      "-t",
      "app:1",
      "-t",
      "app:2",
      "--iidfile",
      iidfile,
      "--label",
      "x=y",
    );
    expect([first.code, first.stderr]).toEqual([0, expect.stringMatching(/#\d+ \[5?[^\n]*RUN cat a.txt/)]);
    const again = await build(dockerfile, "-q", "-t", "app:1", "--label", "x=y");
    expect(again).toEqual({ code: 0, stdout: `${readFileSync(iidfile, "utf8")}\n`, stderr: "" });
    expect(await strake.ok("run", "--rm", "app:1")).toBe("hello\n");
    const rows = await strake.ok("history", "--format", "{{.CreatedBy}}|{{.Size}}", "--no-trunc", "app:1");
    expect(rows.split("\n").slice(0, 2)).toEqual(['CMD ["cat" "b.txt"]|0B', "EXPOSE [80/tcp]|0B"]);
    expect(
      await strake.ok("inspect", "--format", '{{.Config.WorkingDir}} {{index .Config.Labels "x"}}', "app:1"),
    ).toBe("/app y\n");
    const images = await strake.ok("images", "app");
    expect(images.split("\n")[0]).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
    expect(images.split("\n").length).toBe(4);
    const [line] = (await strake.ok("images", "--format", "json", "app:2")).split("\n");
    expect(JSON.parse(line!)).toMatchObject({ Repository: "app", Tag: "2" });
  });

  test("a failing RUN: exit code, the line with its excerpt, and the build resumes there", async () => {
    const failing = "FROM busybox:1\nRUN echo done > /one\nRUN echo why >&2; exit 7\n";
    const result = await build(failing);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain(" >>> RUN echo why >&2; exit 7");
    expect(result.stderr).toMatch(/7/);
    const next = await build(failing.replace("exit 7", "exit 0"));
    expect([next.code, next.stderr]).toEqual([0, expect.stringContaining("(1 run, 2 cached)")]);
  });

  test.each([
    ["FROM nothing:1\n", "is not in the store"],
    ["FROM busybox:1\nCOPY missing.txt .\n", "missing.txt"],
    ["FROM busybox:1\nRNU true\n", "RNU"],
  ])("bad input names the line: %p", async (dockerfile, message) => {
    const { code, stderr } = await build(dockerfile);
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(stderr).toContain(">>>");
  });

  test("a build goes on when nobody reads its progress any more", async () => {
    const folder = join(strake.home, "piped");
    mkdirSync(folder);
    writeFileSync(
      join(folder, "Dockerfile"),
      "FROM busybox:1\nRUN for i in 1 2 3; do echo $i; sleep 0.2; done; echo x > /x\n",
    );
    const line = `${strake.program.map((word) => `'${word}'`).join(" ")} build --progress plain -t piped piped 2>&1 | head -n 1`;
    const child = Bun.spawn(["sh", "-c", line], { cwd: strake.home, env: strake.env, stdout: "ignore" });
    await child.exited;
    expect(await strake.ok("images", "-q", "piped")).not.toBe("");
    expect(await strake.ok("gc", "--verify")).toContain("clean");
  });

  test("exit codes as Docker's", async () => {
    const code = async (...args: string[]) =>
      (await strake.run(["run", "--rm", "--network", "none", ...args])).code;
    expect(await code("busybox:1", "sh", "-c", "exit 3")).toBe(3);
    expect(await code("busybox:1", "/etc/passwd")).toBe(126);
    expect(await code("busybox:1", "no-such-program")).toBe(127);
    expect(await code("busybox:1", "sh", "-c", "sh -c 'kill -9 $$'; exit $?")).toBe(137);
    expect(await code("no-such-image")).toBe(125);
    expect(await code("--no-such-flag", "busybox:1")).toBe(125);
  });

  test("mistyped names and words that are no program get the answer they need", async () => {
    await strake.ok("create", "--name", "frontend", "busybox:1", "true");
    const said = async (...args: string[]) => (await strake.run(args)).stderr;
    expect(await said("logs", "fronted")).toContain("Did you mean frontend?");
    expect(await said("history", "busybx:1")).toContain("did you mean busybox:1?");
    expect(await said("run", "--rm", "busybox:1", "-p", "80:80")).toContain("before the image's");
    expect(await said("run", "--rm", "busybox:1", "cd", "/")).toContain("sh -c 'cd ...'");
    expect(await said("run", "--rm", "busybox:1", "ls -l")).toContain('sh -c "ls -l"');
    expect(await said("rmi", "busybox:1")).toContain("strake rm -f ");
    expect(await said("cp", "frontend:/nosuch", ".")).toContain("no /nosuch in the container");
    await strake.ok("rm", "frontend");
    for (const [line, hint] of [
      ['CMD["ls"]', "a blank stands between CMD"],
      ["ENV A", "write ENV A=value"],
      ['COPY "my file" /x', 'COPY ["my file", "/to/"]'],
      ["RUN echo a &&", "backslash"],
      ["COPY ~/a.txt /x", "~ means nothing here"],
      ["COPY /home/me/a.txt /x", "not at the root of this machine"],
      ['COPY ["a.txt" "/x"]', "commas between"],
      ["COPY --from=busybox:1 nope/x /x", "whatever its WORKDIR is"],
      ["RUN curl-is-not-here x", "install it in an earlier RUN"],
    ])
      expect((await build(`FROM busybox:1\n${line}\n`)).stderr).toContain(hint!);
  });

  test("run: environment, folder, user, entrypoint, stdin, mounts", async () => {
    const run = async (...args: string[]) => await strake.ok("run", "--rm", "--network", "none", ...args);
    expect(await run("-e", "A=b", "busybox:1", "sh", "-c", "echo $A")).toBe("b\n");
    expect(await run("-w", "/tmp", "busybox:1", "pwd")).toBe("/tmp\n");
    expect(await run("-u", "1000:1000", "busybox:1", "id", "-u")).toBe("1000\n");
    expect(await run("--entrypoint", "echo", "busybox:1", "hi")).toBe("hi\n");
    expect(await run("-v", `${context}:/data:ro`, "busybox:1", "cat", "/data/a.txt")).toBe("hello\n");
    expect(await run("--hostname", "boat", "busybox:1", "hostname")).toBe("boat\n");
    const piped = await strake.run(["run", "--rm", "-i", "--network", "none", "busybox:1", "cat"], {
      stdin: Buffer.from("in"),
    });
    expect(piped).toEqual({ code: 0, stdout: "in", stderr: "" });
    const both = await strake.run([
      "run",
      "--rm",
      "--network",
      "none",
      "busybox:1",
      "sh",
      "-c",
      "echo out; echo err >&2",
    ]);
    expect(both).toEqual({ code: 0, stdout: "out\n", stderr: "err\n" });
  });

  test("a container from start to removal", async () => {
    const port = freePort();
    const serve = "mkdir /www; echo page > /www/index.html; echo up; exec httpd -f -p 80 -h /www";
    const id = (
      await strake.ok("run", "-d", "--name", "web", "-p", `${port}:80`, "busybox:1", "sh", "-c", serve)
    ).trim();
    expect(await (await fetchSoon(`http://127.0.0.1:${port}/`)).text()).toBe("page\n");
    const ps = await strake.ok("ps");
    expect(ps.split("\n")[0]).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/);
    expect(ps).toContain(`0.0.0.0:${port}->80/tcp`);
    expect(await strake.ok("ps", "-q", "--no-trunc")).toBe(`${id}\n`);
    expect(await strake.ok("logs", "web")).toBe("up\n");
    expect(await strake.ok("exec", "-e", "X=1", "web", "sh", "-c", "echo $X")).toBe("1\n");
    expect((await strake.run(["exec", "web", "sh", "-c", "exit 4"])).code).toBe(4);
    await strake.ok("cp", "web:/www/index.html", join(strake.home, "copied.html"));
    expect(readFileSync(join(strake.home, "copied.html"), "utf8")).toBe("page\n");
    await strake.ok("cp", join(context, "a.txt"), "web:/www/");
    expect(await (await fetchSoon(`http://127.0.0.1:${port}/a.txt`)).text()).toBe("hello\n");
    expect(await strake.ok("inspect", "--format", "{{.State.Status}}", "web")).toBe("running\n");
    const taken = await strake.run(["run", "--name", "web", "busybox:1", "true"]);
    expect([taken.code, taken.stderr]).toEqual([125, expect.stringContaining("web")]);
    expect((await strake.run(["rm", "web"])).code).toBe(1);
    expect((await strake.run(["rmi", "busybox:1"])).code).toBe(1);
    expect(await strake.ok("stop", "--timeout", "1", "web")).toBe("web\n");
    expect(await strake.ok("wait", "web")).toBe("137\n");
    expect(await strake.ok("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toMatch(/^web Exited \(137\)/);
    expect(await strake.ok("rm", "web")).toBe("web\n");
    expect(await strake.ok("ps", "-aq")).toBe("");
  });

  test("Ctrl-C reaches the container; a build that is interrupted leaves nothing running", async () => {
    const child = strake.spawn([
      "run",
      "--rm",
      "--name",
      "trap",
      "busybox:1",
      "sh",
      "-c",
      "trap 'echo bye; exit 9' INT; echo ready; while :; do sleep 0.1; done",
    ]);
    const reader = (child.stdout as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("ready\n");
    child.kill("SIGINT");
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("bye\n");
    expect(await child.exited).toBe(9);

    const dockerfile = join(strake.home, "Slow");
    writeFileSync(dockerfile, "FROM busybox:1\nRUN echo started; sleep 300\n");
    const building = strake.spawn(["build", "--progress", "plain", "-f", dockerfile, context]);
    let said = "";
    let isInterrupted = false;
    for await (const chunk of building.stderr as ReadableStream<Uint8Array>) {
      said += Buffer.from(chunk).toString();
      // A second signal would end it at once.
      if (isInterrupted || !/^#\d+ [0-9.]+ started$/m.test(said)) continue;
      isInterrupted = true;
      building.kill("SIGINT");
    }
    expect([await building.exited, said]).toEqual([130, expect.stringContaining("interrupted")]);
    // Nor what the runtime has to say of a container that is gone.
    expect(said).not.toContain("status file");
    expect(await strake.ok("gc", "--verify")).toContain("clean");
  });

  test("save and load, import, tag and rmi, prune", async () => {
    const archive = join(strake.home, "saved.tar");
    await strake.ok("save", "-o", archive, "busybox:1");
    const id = await strake.ok("image", "inspect", "--format", "{{.Id}}", "busybox:1");
    const other = makeStrake();
    try {
      expect(await other.ok("load", "-i", archive)).toBe("Loaded image: busybox:1\n");
      expect(await other.ok("image", "inspect", "--format", "{{.Id}}", "busybox:1")).toBe(id);
      const broken = join(other.home, "broken.tar");
      writeFileSync(broken, readFileSync(archive).subarray(0, 900_000));
      expect(await other.run(["load", "-i", broken])).toMatchObject({ code: 1, stdout: "" });
      expect(await other.ok("gc", "--verify")).toContain("clean");
      await other.ok("tag", "busybox:1", "registry.test:5000/bb");
      expect(await other.ok("rmi", "busybox:1")).toBe("Untagged: busybox:1\n");
      expect(await other.ok("rmi", "registry.test:5000/bb:latest")).toContain("Deleted: sha256:");
      expect(await other.ok("images", "-q")).toBe("");
      expect(JSON.parse(await other.ok("gc", "--format", "json")).freed).toBe(0);
    } finally {
      await other.remove();
    }
    const exported = Bun.spawnSync(["tar", "-C", context, "-c", "."]).stdout;
    const imported = await strake.run(
      ["import", "-c", "ENV Q=1", "-c", 'CMD ["true"]', "-m", "from a test", "-", "made:1"],
      { stdin: exported },
    );
    expect(imported.code).toBe(0);
    expect(await strake.ok("inspect", "--format", "{{json .Config.Cmd}}", "made:1")).toBe('["true"]\n');
    expect(await strake.ok("history", "made:1")).toContain("from a test");
    await build("FROM busybox:1\nLABEL untagged=yes\n");
    expect(await strake.ok("images", "--filter", "dangling=true", "-q")).not.toBe("");
    await strake.ok("image", "prune", "-f");
    expect(await strake.ok("images", "--filter", "dangling=true", "-q")).toBe("");
  });

  test("df, info and doctor", async () => {
    expect((await strake.ok("df")).split("\n")[0]).toMatch(/^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$/);
    expect(await strake.ok("df", "-v")).toContain("SHARED SIZE");
    expect(JSON.parse(await strake.ok("info", "--format", "json"))).toMatchObject({
      root: join(strake.home, "root"),
    });
    expect(await strake.ok("doctor")).toContain("snapshotter");
    expect(existsSync(join(strake.home, "root", "strake.db"))).toBe(true);
  });
});
