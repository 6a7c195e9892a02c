import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findClient, kinds, user, useShop } from "./shop.ts";

const helm = findClient("helm")!;

describe.skipIf(!helm)("helm", () => {
  const shop = useShop();
  let archive: string;
  const chart = "apiVersion: v2\nname: tiny\nversion: 1.2.3\ndescription: one config map\n";
  beforeAll(async () => {
    const at = join(shop.folder, "tiny");
    mkdirSync(join(at, "templates"), { recursive: true });
    writeFileSync(join(at, "Chart.yaml"), chart);
    const map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: tiny\n";
    writeFileSync(join(at, "templates", "map.yaml"), map);
    await shop.run([helm, "package", at, "--destination", shop.folder]);
    archive = join(shop.folder, "tiny-1.2.3.tgz");
  });

  test.each([...kinds])("push, show, pull by version, by range and by digest: %s", async (kind) => {
    const { host, guarded, get, tags, digest } = shop.counters[kind];
    const run = (...args: string[]) => shop.run([helm, ...args, "--plain-http"]);
    if (guarded) {
      await expect(run("push", archive, `oci://${host}/charts`)).rejects.toThrow(
        /401|unauthorized|basic credential/i,
      );
      const login = [helm, "registry", "login", host, "-u", user.name, "--password-stdin", "--plain-http"];
      await shop.run(login, { stdin: user.password });
    }
    await run("push", archive, `oci://${host}/charts`);
    expect(await tags("charts/tiny")).toEqual(["1.2.3"]);
    const manifest = await (await get("/v2/charts/tiny/manifests/1.2.3")).json();
    expect(manifest).toMatchObject({ config: { mediaType: "application/vnd.cncf.helm.config.v1+json" } });
    const remote = `oci://${host}/charts/tiny`;
    expect(await run("show", "chart", remote, "--version", "1.2.3")).toContain("description: one config map");
    const exact = `${remote}@${await digest("charts/tiny", "1.2.3")}`;
    for (const [i, args] of [
      [remote, "--version", "1.2.3"],
      [remote, "--version", "^1.0"],
      [exact],
    ].entries()) {
      const to = join(shop.folder, `${kind}-${i}`);
      mkdirSync(to);
      await run("pull", ...args, "--destination", to);
      const [name] = new Bun.Glob("*.tgz").scanSync(to);
      expect(readFileSync(join(to, name!)).equals(readFileSync(archive))).toBe(true);
    }
    expect(await run("template", "release", remote, "--version", "1.2.3")).toContain("kind: ConfigMap");
  });
});
