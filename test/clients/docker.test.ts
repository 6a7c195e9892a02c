import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Docker, dockerObstacle, startDocker } from "../support/docker/daemon.ts";
import { kinds, openShop, type Shop, user } from "./shop.ts";

const obstacle = dockerObstacle();
if (obstacle) console.log(`skipped: docker against our registry: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("docker", () => {
  let shop: Shop;
  let docker: Docker;
  beforeAll(async () => {
    [shop, docker] = await Promise.all([openShop(), startDocker()]);
  });
  afterAll(async () => {
    await docker?.stop();
    await shop?.[Symbol.asyncDispose]();
  });

  // Registries on loopback need no TLS for docker.
  test.each([...kinds])("pull, push, list, delete: %s", async (kind) => {
    const { host, guarded, digest, get, tags } = shop.counters[kind];
    const source = `${host}/source/app:1`;
    if (guarded) {
      const refused = await docker.run(["pull", "--quiet", source]);
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringMatching(/no basic auth|unauthorized|denied/),
      ]);
      const wrong = await docker.run(["login", "-u", user.name, "--password-stdin", host], {
        stdin: Buffer.from("wrong"),
      });
      expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringMatching(/unauthorized/i)]);
      const login = await docker.run(["login", "-u", user.name, "--password-stdin", host], {
        stdin: Buffer.from(user.password),
      });
      expect([login.code, login.stdout]).toEqual([0, expect.stringContaining("Login Succeeded")]);
    }
    await docker.ok("pull", "--quiet", source);
    expect((await docker.ok("image", "inspect", "--format", "{{.Id}}", source)).trim()).toBe(shop.image.id);
    for (const tag of ["1", "2"]) {
      await docker.ok("tag", source, `${host}/docker/app:${tag}`);
      await docker.ok("push", "--quiet", `${host}/docker/app:${tag}`);
    }
    expect(await tags("docker/app")).toEqual(["1", "2"]);
    expect(await (await get("/v2/docker/app/manifests/1")).json()).toMatchObject({
      config: { digest: shop.image.id },
    });
    const exact = `${host}/docker/app@${await digest("docker/app", "1")}`;
    await docker.ok("image", "rm", "--force", shop.image.id);
    await docker.ok("pull", "--quiet", exact);
    await docker.ok("image", "rm", "--force", shop.image.id);
  });
});
