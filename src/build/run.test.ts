import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildWorkshop } from "../../test/support/build.ts";
import { hasBusybox } from "../../test/support/busybox.ts";
import { StrakeError } from "../errors/index.ts";
import type { BuildOptions } from "./index.ts";
import { bundleVariables } from "./run/host-ca.ts";

const why = process.getuid?.() !== 0 ? "needs root" : hasBusybox ? undefined : "needs busybox-static";
if (why) console.log(`src/build/run.test.ts skipped: ${why}`);

let shop: BuildWorkshop;
beforeAll(async () => {
  if (why) return;
  shop = new BuildWorkshop({ f: "f" });
  await shop.addBusybox();
});
afterAll(() => shop?.remove());

const build = (lines: string, options: Partial<BuildOptions> = {}) =>
  shop.build(`FROM busybox\n${lines}`, options);

async function failure(lines: string, options: Partial<BuildOptions> = {}): Promise<StrakeError> {
  try {
    await build(lines, options);
  } catch (error) {
    if (error instanceof StrakeError) return error;
    throw error;
  }
  throw new Error("the build succeeded");
}

const once = () => `: ${Math.random()};`;

describe.skipIf(why !== undefined)("RUN", () => {
  test("keeps what it wrote, and nothing it did not", async () => {
    const built = await build("RUN echo hi > /new && rm /etc/group && mkdir -m 700 /made", {});
    const before = (await build("")).files();
    const after = built.files();
    expect(after["/new"]).toBe("644 hi");
    expect(after["/made"]).toBe("700 directory");
    expect(after["/etc/group"]).toBeUndefined();
    const { "/new": _, "/made": __, ...rest } = after;
    const { "/etc/group": ___, ...expected } = before;
    expect(rest).toEqual(expected);
    expect(built.history.at(-1)).toBe(
      "+ RUN /bin/sh -c echo hi > /new && rm /etc/group && mkdir -m 700 /made # buildkit",
    );
  });
  test("that writes nothing still has its layer, as in Docker", async () => {
    const { config, history } = await build("RUN true");
    expect(config.rootfs.diff_ids).toHaveLength(2);
    expect(history.at(-1)).toBe("+ RUN /bin/sh -c true # buildkit");
  });
  test("may make the same layer twice", async () => {
    const built = await build("RUN true\nCOPY f /between\nRUN true\nRUN ls /between");
    expect(built.log).toBe("/between\n");
    const { diff_ids } = built.config.rootfs;
    expect(diff_ids.at(-1)).toBe(diff_ids[1]!);
  });
  test("sees ENV, ARG, USER, WORKDIR and SHELL", async () => {
    const built = await build(
      'ENV e=1\nARG a=2\nUSER app:wheel\nWORKDIR /home/app/w\nSHELL ["/bin/ash", "-e", "-c"]\nRUN echo $e $a $(id -u):$(id -g) $PWD $HOME; false; echo not rea""ched',
    ).catch((error) => error);
    expect(built.message).toContain("exit code 1");
    expect(built.message).toContain("1 2 1000:10 /home/app/w /home/app");
    expect(built.message).not.toContain("not reached");
  });
  test("in exec form has no shell", async () => {
    const built = await build('ENV v=1\nRUN ["echo", "$v", "a b"]');
    expect(built.log).toBe("$v a b\n");
    expect(built.history.at(-1)).toBe("+ RUN echo $v a b # buildkit");
  });
  test("takes heredocs as scripts, with an interpreter line as files", async () => {
    const built = await build(
      "RUN <<A\necho one\necho two\nA\nRUN <<B\n#!/bin/sh\necho $0\nB\nRUN cat <<C - /etc/hosts | head -1\nthree\nC\n",
    );
    expect(built.log).toBe("one\ntwo\n/dev/pipes/B\nthree\n");
    expect(built.files("/dev")).toEqual({});
  });
  test("is not run again, its dependents neither", async () => {
    const lines = `RUN ${once()} cat /proc/sys/kernel/random/uuid > /time\nRUN cat /time > /copy`;
    const first = await build(lines);
    const second = await build(lines);
    expect(second.id).toBe(first.id);
    expect(second.outcomes.slice(1)).toEqual(
      first.outcomes.slice(1).map((line) => line.replace(/done$/, "cached")),
    );
  });
  test.each([
    ["ENV x=2", false],
    ["ARG y=2", false],
    // The same variables, however they were set.
    ["ARG x=2", true],
    ["LABEL x=2", true],
    ["EXPOSE 80", true],
    ['CMD ["x"]', true],
    ["USER app", false],
    ["WORKDIR /tmp", false],
  ])("after %s in front of it is cached: %j", async (line, cached) => {
    await build("RUN echo twice");
    const built = await build(`${line}\nRUN echo twice`);
    expect(built.outcomes.at(-1)!.endsWith(": cached")).toBe(cached);
  });
  test("on a parent rebuilt to the same bytes is cached", async () => {
    await build("COPY f /f\nRUN echo same parent");
    const built = await build("COPY --chmod=644 f /f\nRUN echo same parent", { noCache: false });
    expect(built.outcomes.at(-1)).toEndWith(": cached");
  });
  test("shows its build arguments in the history", async () => {
    const built = await build("ARG a\nARG b=2\nRUN echo $a", { buildArgs: { a: "1" } });
    expect(built.history.at(-1)).toBe("+ RUN |2 a=1 b=2 /bin/sh -c echo $a # buildkit");
  });
});

describe.skipIf(why !== undefined)("what RUN is lent leaves no trace", () => {
  test("proxies: in the environment, not in key, history or image", async () => {
    const lines = `RUN ${once()} env | grep -i proxy | sort`;
    const first = await build(lines, { buildArgs: { http_proxy: "http://p:1" } });
    expect(first.log).toBe("HTTP_PROXY=http://p:1\nhttp_proxy=http://p:1\n");
    const second = await build(lines, { buildArgs: { http_proxy: "http://other" } });
    expect(second.id).toBe(first.id);
    expect(JSON.stringify(first.config)).not.toContain("http://p");
    const third = await build(`RUN ${once()} env`, {
      hostProxy: true,
      environment: { HTTPS_PROXY: "h", SECRET: "s" },
    });
    expect(third.log).toContain("https_proxy=h\n");
    // CVE-2021-3602: the builder's environment leaked into RUN.
    expect(third.log).not.toContain("SECRET");
  });
  test("certificate authorities: a file while it runs, no file in the layer", async () => {
    const path = join(shop.folder, "ca.pem");
    writeFileSync(path, "certificates\n");
    const built = await build(`RUN ${once()} cat $SSL_CERT_FILE; env | cut -d= -f1`, { hostCA: { path } });
    expect(built.log).toStartWith("certificates\n");
    for (const name of bundleVariables) expect(built.log).toContain(`${name}\n`);
    expect(built.files()).toEqual((await build("")).files());
    const own = await build(`ENV PIP_CERT=/mine\nRUN ${once()} echo $PIP_CERT`, { hostCA: { path } });
    expect(own.log).toBe("/mine\n");
    expect(readFileSync(path, "utf8")).toBe("certificates\n");
  });
});

describe.skipIf(why !== undefined)("stages", () => {
  test("that do not need each other run at once", async () => {
    const text = `FROM busybox AS a\nRUN ${once()} cut -d" " -f1 /proc/uptime > /start; sleep 3; cut -d" " -f1 /proc/uptime > /end
      FROM busybox AS b\nRUN ${once()} cut -d" " -f1 /proc/uptime > /start; sleep 3; cut -d" " -f1 /proc/uptime > /end
      FROM scratch\nCOPY --from=a /start /end /a/\nCOPY --from=b /start /end /b/`;
    const files = (await shop.build(text, { parallelism: 2 })).files();
    const time = (name: string) => Number(files[name]!.split(" ")[1]);
    expect(time("/a/start") < time("/b/end") && time("/b/start") < time("/a/end")).toBe(true);
  });
  test("one after the other with one slot", async () => {
    const text = `FROM busybox AS a\nRUN ${once()} cut -d" " -f1 /proc/uptime > /start; cut -d" " -f1 /proc/uptime > /end
      FROM busybox AS b\nRUN ${once()} cut -d" " -f1 /proc/uptime > /start; cut -d" " -f1 /proc/uptime > /end
      FROM scratch\nCOPY --from=a /start /end /a/\nCOPY --from=b /start /end /b/`;
    const files = (await shop.build(text, { parallelism: 1 })).files();
    const time = (name: string) => Number(files[name]!.split(" ")[1]);
    expect(time("/a/end") <= time("/b/start") || time("/b/end") <= time("/a/start")).toBe(true);
  });
  test("are stopped when one fails", async () => {
    const text =
      "FROM busybox AS a\nRUN sleep 60\nFROM busybox AS b\nRUN exit 3\nFROM scratch\nCOPY --from=a / /\nCOPY --from=b / /";
    const error = await shop.build(text).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "BUILD_RUN_FAILED", sources: [{ startLine: 4 }] });
  });
});

describe.skipIf(why !== undefined)("failures", () => {
  test("say the line, the code and the last output", async () => {
    const error = await failure("RUN echo before; echo why >&2; exit 42");
    expect(error).toMatchObject({ code: "BUILD_RUN_FAILED", sources: [{ startLine: 2 }] });
    expect(error.message).toContain("exit code 42");
    expect(error.message).toContain("why");
    expect(error.exitCode).toBe(1);
  });
  test("of a command that does not exist", async () => {
    const missing = { code: "CONTAINER_COMMAND_NOT_FOUND", exitCode: 1, sources: [{ startLine: 2 }] };
    expect(await failure('RUN ["/nothing"]')).toMatchObject(missing);
  });
  test("resume at the failed step", async () => {
    const first = `RUN ${once()} echo > /a`;
    await failure(`${first}\nRUN false`);
    const built = await build(`${first}\nRUN true`);
    expect(built.outcomes[1]).toEndWith(": cached");
  });
  test("leave nothing mounted, running or stored", async () => {
    await failure(`RUN ${once()} sleep 1000 & exit 1`);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(shop.folder);
    expect(shop.store.gc({ verify: true })).toMatchObject({ problems: [] });
  });
  test("Ctrl-C ends the command", async () => {
    const stop = new AbortController();
    const started = Date.now();
    const error = await failure(`RUN ${once()} echo go; sleep 1000`, {
      signal: stop.signal,
      emit: (event) => {
        if (event.type === "step.log") stop.abort();
      },
    });
    expect(error.code).toBe("CANCELED");
    expect(Date.now() - started).toBeLessThan(60_000);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(shop.folder);
  });
  test.each(["--mount=type=cache,target=/x", "--security=insecure"])(
    "%s is refused by name",
    async (flag) => {
      const error = await failure(`RUN ${flag} true`);
      expect(error.code).toBe("BUILD_UNSUPPORTED");
      expect(error.message).toContain(flag.split(",")[0]!);
    },
  );
});

describe.skipIf(why !== undefined)("security", () => {
  // CVE-2024-21626: WORKDIR to a descriptor of the host.
  test("CVE-2024-21626: WORKDIR /proc/self/fd/N does not reach the host", async () => {
    const result = await build("WORKDIR /proc/self/fd/8\nRUN cat ../../../../../../etc/shadow").catch(
      (error) => error,
    );
    expect(result).toBeInstanceOf(StrakeError);
  });
  // CVE-2026-55686: WORKDIR through a symlink of the image.
  test("CVE-2026-55686: WORKDIR through a symlink stays in the image", async () => {
    const outside = join(shop.folder, "outside");
    const built = await build(`RUN ln -s ${outside} /link\nWORKDIR /link/made`);
    expect(await Bun.file(outside).exists()).toBe(false);
    expect(built.files("/tmp")).toHaveProperty(outside.replace(/\/?$/, "/made"));
  });
  // CVE-2024-23652: mount points made for the run are removed again, through links of the image.
  test("CVE-2024-23652: removing mount points follows no link to the host", async () => {
    // On the host stands what the mount point in the image is called.
    const kept = join(shop.folder, "strake/ca.pem");
    mkdirSync(join(shop.folder, "strake"));
    writeFileSync(kept, "");
    const link = `RUN mkdir -p ${shop.folder} && ln -s ${shop.folder} /run`;
    await build(link);
    const built = await build(`${link}\nRUN ${once()} cat /run/strake/ca.pem`, {
      hostCA: { path: "/etc/hostname" },
    });
    expect(built.log).toBe(readFileSync("/etc/hostname", "utf8"));
    expect(await Bun.file(kept).exists()).toBe(true);
    expect(built.files(shop.folder)).toEqual({});
    expect(built.files()["/run"]).toBe(`-> ${shop.folder}`);
  });
});
