import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import { containerObstacle, fetchSoon, makeStrake, type Strake } from "../support/strake.ts";

/** The four projects of examples/, built over bootstrapped bases and run, as a user does it. */
const obstacle =
  containerObstacle() ?? (Bun.which("mmdebstrap") === null ? "mmdebstrap is not installed" : undefined);
if (obstacle !== undefined) console.log(`skipped: examples: ${obstacle}`);

const examples = join(import.meta.dir, "..", "..", "examples");
const minutes = 60_000;

describe.skipIf(obstacle !== undefined)("examples", () => {
  let strake: Strake;

  beforeAll(async () => {
    strake = makeStrake();
    await strake.ok("bootstrap", "debian:bookworm", "--pip");
    await strake.ok(
      ...["bootstrap", "debian:bookworm", "--pip", "-t", "python:bookworm"],
      ...["--include", "python3,python3-pip,python-is-python3,make"],
    );
  }, 6 * minutes);

  afterAll(async () => await strake?.remove());

  async function served(name: string, path: string): Promise<string> {
    const port = freePort();
    await strake.ok("run", "-d", "--name", name, "-p", `${port}:5000`, name);
    try {
      return await (await fetchSoon(`http://127.0.0.1:${port}${path}`)).text();
    } catch (error) {
      const { stdout, stderr } = await strake.run(["logs", name]);
      throw new Error(`${name} did not answer: ${stdout}${stderr}`, { cause: error });
    } finally {
      await strake.run(["rm", "-f", name]);
    }
  }

  test(
    "flask: pip, WORKDIR, COPY . ., CMD in exec form",
    async () => {
      await strake.ok("build", "-t", "flask", join(examples, "flask"));
      expect(await served("flask", "/")).toContain("It floats.");
    },
    3 * minutes,
  );

  test(
    "flask-db: apt-get, pip, a database driver, ENTRYPOINT in shell form",
    async () => {
      await strake.ok("build", "-t", "flask-db", join(examples, "flask-db"));
      expect(await served("flask-db", "/")).toBe("Welcome!\n");
      expect(JSON.parse(await served("flask-db", "/db"))).toMatchObject({ connected: false });
    },
    6 * minutes,
  );

  test(
    "flask-apt: apt-get in one line, requirements.txt, a published port",
    async () => {
      await strake.ok("build", "-t", "flask-apt", join(examples, "flask-apt"));
      expect(await served("flask-apt", "/?name=you")).toBe("Hello, you!\n");
    },
    6 * minutes,
  );

  test(
    "make: RUN make /app, CMD python /app/app.py",
    async () => {
      await strake.ok("build", "-t", "make", join(examples, "make"));
      expect(await strake.ok("run", "--rm", "make")).toBe("made by make\n");
    },
    2 * minutes,
  );

  test(
    "built again: nothing runs, the same image",
    async () => {
      for (const name of ["flask", "flask-db", "flask-apt", "make"]) {
        const before = await strake.ok("image", "inspect", "--format", "{{.Id}}", name);
        const { code, stderr } = await strake.run([
          "build",
          "--progress",
          "plain",
          "-t",
          name,
          join(examples, name),
        ]);
        expect([code, stderr]).toEqual([0, expect.stringContaining("(0 run,")]);
        expect(await strake.ok("image", "inspect", "--format", "{{.Id}}", name)).toBe(before);
      }
    },
    2 * minutes,
  );

  test(
    "no CA bundle or proxy of this machine is left in an image",
    async () => {
      const seen = async (image: string) =>
        await strake.ok(
          ...["run", "--rm", "--network", "none", image, "sh", "-c"],
          "env | grep -v ^HOSTNAME= | sort; sha256sum /etc/ssl/certs/ca-certificates.crt",
        );
      const flask = await seen("flask");
      expect(flask).not.toMatch(/proxy=|SSL_CERT_FILE|PIP_CERT/i);
      expect(flask).toBe((await seen("python:bookworm")).replace("PWD=/\n", "PWD=/app\n"));
      expect((await strake.ok("gc", "--verify")).trim().split("\n").at(-1)).toBe("clean");
    },
    2 * minutes,
  );
});
