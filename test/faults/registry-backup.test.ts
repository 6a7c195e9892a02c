import { expect, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { examine, makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { type ServedRegistry, serveRegistry } from "../support/serve-registry.ts";
import { makeStrake } from "../support/strake.ts";

test("a folder copied while images are pushed, names before bytes as the manual says, is a registry without holes", async () => {
  const strake = makeStrake();
  const [origin, copy] = [join(strake.home, "registry"), join(strake.home, "copy")];
  const serve = (storage: string) => serveRegistry(["--storage", storage, "--listen", "127.0.0.1:0"]);
  let server: ServedRegistry | undefined;
  try {
    server = await serve(origin);
    const { host } = server;
    let isOver = false;
    let count = 0;
    const more = async (images: number) => {
      for (const before = count; count < before + images; ) await Bun.sleep(10);
    };
    const pushed = [0, 1].map(async (worker) => {
      const images = [];
      for (let i = 0; !isOver; i++) {
        const image = await makeLayeredImage([10_000, 20_000]);
        await pushLayeredImage(image, host, `app${worker}/${i}`);
        images.push({ image, name: `app${worker}/${i}` });
        count++;
      }
      return images;
    });
    await more(6);
    mkdirSync(join(copy, "objects"), { recursive: true });
    const into = (name: string) =>
      cpSync(join(origin, "objects", name), join(copy, "objects", name), {
        ...{ recursive: true, preserveTimestamps: true },
      });
    for (const name of readdirSync(join(origin, "objects"))) if (name !== "blobs") into(name);
    // Others are pushed between the two.
    await more(4);
    into("blobs");
    isOver = true;
    const images = (await Promise.all(pushed)).flat();
    await server.kill("SIGTERM");
    server = await serve(copy);
    const catalog = (await (await fetch(`${server.url}v2/_catalog`)).json()) as { repositories: string[] };
    expect(catalog.repositories.length).toBeGreaterThan(0);
    expect(catalog.repositories.length).toBeLessThan(images.length);
    for (const { image, name } of images)
      if (catalog.repositories.includes(name))
        expect(await examine(image, server.host, name)).toBe(image.blobs.size + 1);
    const scrubbed = await strake.run(["registry", "scrub", "--storage", copy]);
    expect([scrubbed.code, scrubbed.stdout]).toEqual([0, expect.stringContaining("none damaged")]);
    const collected = await strake.run(["registry", "gc", "--storage", copy]);
    expect([collected.code, collected.stdout]).toEqual([0, expect.not.stringContaining("cannot be read")]);
  } finally {
    await server?.kill();
    rmSync(copy, { recursive: true, force: true });
    await strake.remove();
  }
}, 60_000);
