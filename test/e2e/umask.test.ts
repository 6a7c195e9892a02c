import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: a strict umask: ${obstacle}`);

const dockerfile = `FROM busybox:1
WORKDIR /made/by/workdir
COPY --chmod=644 f /copied/to/f
COPY <<EOF /heredoc
text
EOF
RUN echo 'app:x:1000:1000::/home:/bin/sh' >>/etc/passwd && mkdir /made/by/run && touch /made/by/run/f
USER app
RUN <<EOF
#!/bin/sh
cat /etc/hosts /etc/resolv.conf >/dev/null && id -un >/tmp/script
EOF
`;
const script = `umask; id -un; cat /tmp/script /etc/hosts /etc/resolv.conf >/dev/null && echo readable; pwd
stat -c '%a %n' / /made /made/by /made/by/* /made/by/run/f /copied /copied/to /copied/to/f /heredoc /etc/hosts /etc/resolv.conf \\
  /etc/hostname /new /new/folder /named /d /d/e /d/e/f /tmpfs /dev /dev/shm /tmp`;

/** On hardened machines root's umask is 077: what is made for a container is for its users all the same. */
describe.skipIf(obstacle !== undefined)("a strict umask", () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-umask-"));
  const machines: Strake[] = [];
  beforeAll(() => {
    mkdirSync(join(folder, "context"));
    writeFileSync(join(folder, "context/f"), "f");
    writeFileSync(join(folder, "context/Dockerfile"), dockerfile);
  });
  afterAll(async () => {
    for (const each of machines) await each.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function seen(umask: string): Promise<string> {
    const strake = makeStrake();
    machines.push(strake);
    const ok = async (...args: string[]) => {
      const words = ["sh", "-c", `umask ${umask}; exec "$@"`, "sh", ...strake.program, ...args];
      const child = Bun.spawn(words, { env: strake.env, stdout: "pipe", stderr: "pipe" });
      const [code, out, err] = await Promise.all([
        child.exited,
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      expect([code, err]).toEqual([0, expect.any(String)]);
      return out;
    };
    await ok("bootstrap", "busybox", "-t", "busybox:1");
    await ok("build", "-q", "-t", "app:1", join(folder, "context"));
    const places = ["-v", "named:/named", "-v", "deep:/d/e/f", "--tmpfs", "/tmpfs", "-w", "/new/folder"];
    const first = await ok("run", "--rm", ...places, "app:1", "sh", "-c", script);
    await ok("run", "--rm", "-v", "named:/named", "-u", "0", "app:1", "chmod", "711", "/named");
    return first + (await ok("run", "--rm", "-v", "named:/named", "app:1", "stat", "-c", "%a", "/named"));
  }

  test("gives the same image and the same container", async () => {
    const usual = await seen("022");
    expect(usual).toStartWith("0022\napp\nreadable\n/new/folder\n");
    expect(usual).toEndWith("\n711\n");
    expect(await seen("077")).toBe(usual);
  }, 60_000);
});
