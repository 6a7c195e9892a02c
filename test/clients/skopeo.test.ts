import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findClient, kinds, user, useShop } from "./shop.ts";

const skopeo = findClient("skopeo")!;

describe.skipIf(!skopeo)("skopeo", () => {
  const shop = useShop();

  test.each([...kinds])("pull, push, inspect, list, copy, delete: %s", async (kind) => {
    const { host, guarded, digest, tags } = shop.counters[kind];
    if (guarded) {
      await expect(
        shop.run([skopeo, "inspect", "--tls-verify=false", `docker://${host}/source/app:1`]),
      ).rejects.toThrow(/unauthorized|authentication required|no password/i);
      await shop.run([skopeo, "login", "--tls-verify=false", "-u", user.name, "--password-stdin", host], {
        stdin: user.password,
      });
    }
    const copy = (...args: string[]) =>
      shop.run([skopeo, "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", ...args]);
    const layout = join(shop.folder, `skopeo-${kind}`);
    await copy(`docker://${host}/source/app:1`, `oci:${layout}:1`);
    const blobs = readdirSync(join(layout, "blobs", "sha256"));
    for (const hex of [...shop.image.blobs.keys(), shop.image.digest])
      expect(blobs).toContain(hex.slice("sha256:".length));
    await copy(`oci:${layout}:1`, `docker://${host}/skopeo/app:1`);
    expect(await digest("skopeo/app", "1")).toBe(shop.image.digest);
    await copy(`docker://${host}/skopeo/app:1`, `docker://${host}/skopeo/other:2`);
    // Docker's types, made by skopeo, are kept as they came.
    await copy("--format", "v2s2", `oci:${layout}:1`, `docker://${host}/skopeo/app:docker`);
    const raw = await shop.run([
      ...[skopeo, "inspect", "--raw", "--tls-verify=false", `docker://${host}/skopeo/app:docker`],
    ]);
    expect(JSON.parse(raw).mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
    const facts = await shop.run([
      ...[skopeo, "inspect", "--tls-verify=false", `docker://${host}/skopeo/app:1`],
    ]);
    expect(JSON.parse(facts)).toMatchObject({ Digest: shop.image.digest, RepoTags: ["1", "docker"] });
    const listed = await shop.run([
      ...[skopeo, "list-tags", "--tls-verify=false", `docker://${host}/skopeo/app`],
    ]);
    expect(JSON.parse(listed).Tags).toEqual(["1", "docker"]);
    await shop.run([skopeo, "delete", "--tls-verify=false", `docker://${host}/skopeo/app:1`]);
    expect(await tags("skopeo/app")).toEqual(["docker"]);
    expect(await digest("skopeo/other", "2")).toBe(shop.image.digest);
  });
});
