import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { containerObstacle, makeStrake, type Strake } from "../support/strake.ts";

const obstacle = containerObstacle();
if (obstacle !== undefined) console.log(`skipped: images that are pulled when they are needed: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("an image that is not here", () => {
  let strake: Strake;
  let registry: ReturnType<Strake["spawn"]>;
  let name: string;

  beforeAll(async () => {
    strake = makeStrake();
    registry = strake.spawn(["registry", "serve", "--storage", "memory", "--listen", "127.0.0.1:0"]);
    let said = "";
    for await (const data of registry.stderr as ReadableStream<Uint8Array>) {
      said += Buffer.from(data).toString();
      if (/http:\/\/\S+:\d+\//.test(said)) break;
    }
    name = `${/http:\/\/(\S+:\d+)\//.exec(said)![1]}/base:1`;
    await strake.ok("bootstrap", "busybox", "-t", name);
    await strake.ok("push", "-q", name);
  }, 120_000);
  afterAll(async () => {
    registry?.kill();
    await registry?.exited;
    await strake?.remove();
  });

  const forget = async () => void (await strake.ok("rmi", "-f", name));

  test("run pulls it, and says so on stderr only", async () => {
    await forget();
    const first = await strake.run(["run", "--rm", "--network", "none", name, "echo", "here"]);
    expect(first).toMatchObject({ code: 0, stdout: "here\n", stderr: expect.stringContaining("pull") });
    const again = await strake.run(["run", "--rm", "--network", "none", name, "echo", "here"]);
    expect(again).toEqual({ code: 0, stdout: "here\n", stderr: "" });
  });

  test("FROM and COPY --from pull it", async () => {
    await forget();
    const context = join(strake.home, "context");
    mkdirSync(context, { recursive: true });
    writeFileSync(join(context, "Dockerfile"), `FROM ${name}\nCOPY --from=${name} /etc/passwd /p\n`);
    expect((await strake.run(["build", "-q", "-t", "built", context])).code).toBe(0);
  });

  test("build --pull follows a tag that moved, and says when it cannot", async () => {
    await strake.ok("pull", "-q", name);
    const context = join(strake.home, "pulled");
    mkdirSync(context, { recursive: true });
    writeFileSync(join(context, "Dockerfile"), `FROM ${name}\nLABEL moved=yes\n`);
    await strake.ok("build", "-q", "-t", name, context);
    await strake.ok("push", "-q", name);
    const moved = (await strake.ok("images", "-q", "--no-trunc", name)).trim();
    // What is here is older than what the registry has.
    writeFileSync(join(context, "Dockerfile"), `FROM ${name}\nLABEL moved=not-yet\n`);
    await strake.ok("build", "-q", "-t", name, context);
    writeFileSync(join(context, "Dockerfile"), `FROM ${name}\n`);
    const label = async (...flags: string[]) => {
      await strake.ok("build", "-q", ...flags, "-t", "probe", context);
      return (await strake.ok("image", "inspect", "-f", "{{.Config.Labels.moved}}", "probe")).trim();
    };
    expect(await label()).toBe("not-yet");
    expect(await label("--pull")).toBe("yes");
    expect((await strake.ok("images", "-q", "--no-trunc", name)).trim()).toBe(moved);
    const elsewhere = name.replace("base:1", "only-here:1");
    await strake.ok("tag", name, elsewhere);
    writeFileSync(join(context, "Dockerfile"), `FROM ${elsewhere}\n`);
    expect((await strake.run(["build", "-q", context])).code).toBe(0);
    const failed = await strake.run(["build", "-q", "--pull", context]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(">>> FROM");
  });

  test("--pull never and a registry that has none say what is missing", async () => {
    await forget();
    const never = await strake.run(["run", "--rm", "--pull", "never", name, "true"]);
    expect(never.code).toBe(125);
    expect(never.stderr).toContain("there is no image");
    expect(never.stderr).not.toContain("pulling it failed");
    const other = name.replace("base:1", "other:1");
    const missing = await strake.run(["run", "--rm", other, "true"]);
    expect(missing.code).toBe(125);
    expect(missing.stderr).toContain(`there is no image "${other}", and pulling it failed`);
  });
});
