import { afterAll, beforeAll, expect, test } from "bun:test";
import { Registry } from "../../src/registry/server/index.ts";
import { pushImage } from "../support/push-image.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

let strake: Strake;
let registry: Registry;
beforeAll(async () => {
  strake = makeStrake();
  registry = await Registry.start();
});
afterAll(async () => {
  await strake.remove();
  await registry.stop();
});

test("delete: a tag; a manifest with all its tags, each named; what is not there, without stopping at it", async () => {
  const { host } = new URL(registry.url);
  const { digest, body } = await pushImage(registry.url, "team/app:a");
  for (const tag of ["b", "c"])
    await fetch(new URL(`/v2/team/app/manifests/${tag}`, registry.url), {
      ...{ method: "PUT", body, headers: { "Content-Type": JSON.parse(body).mediaType } },
    });
  await pushImage(registry.url, "team/app:other");
  expect(await strake.ok("delete", `${host}/team/app:a`)).toBe(`Deleted: ${host}/team/app:a\n`);
  const { code, stdout, stderr } = await strake.run([
    "delete",
    "--all-tags",
    `${host}/team/app:nothing`,
    `${host}/team/app:b`,
  ]);
  expect(code).toBe(1);
  expect(stderr).toStartWith(
    `error: ${host}/team/app has no tag nothing\nhint: the repository is there; its tags are `,
  );
  expect(stdout).toBe(`Deleted: ${host}/team/app:b\nDeleted: ${host}/team/app:c\nDeleted: ${digest}\n`);
  expect(await strake.ok("tags", `${host}/team/app`)).toBe("other\n");
});
