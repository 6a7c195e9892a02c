import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { findClient, kinds, user, useShop } from "./shop.ts";

for (const name of ["podman", "buildah"]) {
  const program = findClient(name, { root: true })!;
  describe.skipIf(!program)(name, () => {
    const shop = useShop();
    let own: string[];
    beforeAll(() => {
      const place = join(shop.folder, name);
      own = [
        program,
        "--root",
        join(place, "root"),
        "--runroot",
        join(place, "run"),
        "--storage-driver",
        "vfs",
      ];
    });

    test.each([...kinds])("pull, push, an index, list, delete: %s", async (kind) => {
      const { host, guarded, digest, get, tags } = shop.counters[kind];
      if (guarded)
        await shop.run([...own, "login", "--tls-verify=false", "-u", user.name, "--password-stdin", host], {
          stdin: user.password,
        });
      const source = `${host}/source/app:1`;
      const id = await shop.run([...own, "pull", "--quiet", "--tls-verify=false", source]);
      expect(id).toBe(shop.image.id.slice("sha256:".length));
      await shop.run([...own, "tag", source, `${host}/${name}/app:1`]);
      await shop.run([...own, "push", "--quiet", "--tls-verify=false", `${host}/${name}/app:1`]);
      expect(await tags(`${name}/app`)).toEqual(["1"]);
      const pushed = await (await get(`/v2/${name}/app/manifests/1`)).json();
      expect(pushed).toMatchObject({ config: { digest: shop.image.id } });
      const list = `${host}/${name}/list:1`;
      await shop.run([...own, "manifest", "create", list]);
      await shop.run([
        ...own,
        "manifest",
        "add",
        "--tls-verify=false",
        list,
        `docker://${host}/${name}/app:1`,
      ]);
      await shop.run([...own, "manifest", "push", "--all", "--tls-verify=false", list, `docker://${list}`]);
      const index = (await (await get(`/v2/${name}/list/manifests/1`)).json()) as { manifests: unknown[] };
      expect(index.manifests).toHaveLength(1);
      if (name === "podman") {
        const found = await shop.run([
          ...[...own, "search", "--tls-verify=false", "--format", "{{.Name}}", `${host}/podman/`],
        ]);
        expect(found.split("\n")).toContain(`${host}/podman/app`);
        const listed = await shop.run([
          ...[...own, "search", "--tls-verify=false", "--list-tags", `${host}/podman/app`],
        ]);
        expect(listed).toMatch(/app +1$/);
      }
      await shop.run([...own, "rmi", "--all", "--force"]);
      // By digest, from what was pushed.
      const exact = `${host}/${name}/app@${await digest(`${name}/app`, "1")}`;
      const again = await shop.run([...own, "pull", "--quiet", "--tls-verify=false", exact]);
      expect(again).toBe(id);
      await shop.run([...own, "rmi", "--all", "--force"]);
    });
  });
}
