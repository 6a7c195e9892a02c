import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { mediaTypes, sha256 } from "../../src/oci/index.ts";
import { serve } from "../../src/registry/client/fake-registry.test-support.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { type LayeredImage, makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

/** tags, catalog, search, digest and referrers in all forms that the lists of this machine have. */
let strake: Strake;
let registry: Registry;
let image: LayeredImage;
let artifact = "";
let [app, tool] = ["", ""];

beforeAll(async () => {
  strake = makeStrake();
  registry = await Registry.start();
  image = await makeLayeredImage([1000]);
  [app, tool] = [`${registry.host}/team/app`, `${registry.host}/team/tool`];
  for (const path of ["team/app", "team/tool"]) await pushLayeredImage(image, registry.host, path);
  for (const tag of ["2", "latest"]) await strake.ok("copy", `${app}:1`, `${app}:${tag}`);
  writeFileSync(join(strake.home, "sbom.json"), "{}");
  const attached = ["--artifact-type", "text/x-sbom", "--annotation", "of=app"];
  artifact = (await strake.ok("attach", ...attached, `${app}:1`, "sbom.json")).trim();
});
afterAll(async () => {
  await registry.stop();
  await strake.remove();
});

test.each([
  ["tags HOST", "HOST names a registry, and no image of it", "strake catalog HOST"],
  ["tags registry.example", "registry.example names a registry", "registry.example/NAME"],
  ["digest localhost:5000", "localhost:5000 names a registry", "localhost:5000/NAME"],
  ["pull HOST", "HOST names a registry", ""],
  ["delete HOST", "HOST names a registry", ""],
  ["pull oci:layout:1", "oci:layout:1 is not at a registry", "strake copy oci:layout:1 TARGET"],
  [
    "digest docker-archive:app.tar",
    "docker-archive:app.tar is not at a registry",
    "strake copy docker-archive:app.tar TARGET",
  ],
  ["pull --all-tags HOST/team/app:1", "--all-tags takes a repository, without a tag", ""],
  ["catalog http://HOST", "", "leave http:// out"],
  ["catalog HOST/team", "HOST/team is not a registry", "strake search HOST/team"],
  ["copy docker-archive:absent.tar HOST/a:1", "there is no file absent.tar", ""],
  ["copy oci-archive:absent.tar HOST/a:1", "there is no file absent.tar", ""],
  [
    "copy HOST/team/app:1 ./folder",
    "./folder is a path, and does not say what is there",
    "oci:./folder for a folder",
  ],
  ["copy app.tar HOST/a:1", "app.tar is a path", "docker-archive:app.tar"],
  [
    "copy HOST/team/app:1 oci-archive:/absent/a.tar",
    "nothing can be written to /absent: there is no such folder",
    "",
  ],
  [
    "copy HOST/team/app:1 oci:/proc/absent",
    "nothing can be written to /proc/absent: there is no such folder",
    "",
  ],
  [
    "copy HOST/team/app:1 docker-daemon:app:1",
    "does not copy from or to docker-daemon:",
    "docker load -i a.tar",
  ],
  ["artifact pull -o /dev/null/x HOST/team/app:1", "nothing can be written to /dev/null/x: ", ""],
  ["copy oci-archive:. HOST/a:1", ". is a folder", "oci:."],
])("%s: %s %s", async (line, message, hint) => {
  const here = (text: string) => text.replaceAll("HOST", registry.host);
  const { code, stderr } = await strake.run(here(line).split(" "));
  expect([code, stderr]).toEqual([1, expect.stringContaining(here(message))]);
  expect(stderr).toContain(here(hint));
});

test("what a registry warns of is told: with progress as one of its lines, else as a note", async () => {
  using warning = await serve(async (request, response) => {
    const answer = await fetch(new URL(request.url!, registry.url), { method: request.method! });
    const headers = Object.fromEntries(answer.headers);
    response.writeHead(answer.status, { ...headers, Warning: '299 - "it closes in May"' });
    response.end(new Uint8Array(await answer.arrayBuffer()));
  });
  const said = `${warning.host} says: it closes in May\n`;
  const listed = await strake.run(["tags", `${warning.host}/team/app`]);
  expect([listed.code, listed.stdout, listed.stderr]).toEqual([0, "1\n2\nlatest\n", `warning: ${said}`]);
  const { code, stderr } = await strake.run(["copy", `${warning.host}/team/app:1`, "oci:warned:1"]);
  expect([code, stderr.split(said).length]).toEqual([0, 2]);
});

test("a registry is named with a slash behind it as well", async () => {
  expect(await strake.ok("catalog", `${registry.host}/`)).toBe(await strake.ok("catalog", registry.host));
});

const objects = async (...args: string[]) =>
  (await strake.ok(...args, "--format", "json"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("tags", async () => {
  expect(await strake.ok("tags", app)).toBe("1\n2\nlatest\n");
  expect(await objects("tags", app)).toEqual(
    ["1", "2", "latest"].map((tag) => ({ Repository: app, Tag: tag })),
  );
  expect(await strake.ok("tags", "--format", "{{.Repository}}:{{.Tag}}", app)).toBe(
    `${app}:1\n${app}:2\n${app}:latest\n`,
  );
  const { code, stderr } = await strake.run(["tags", "--format", "{{.Tga}}", app]);
  expect([code, stderr]).toEqual([
    1,
    "error: --format: a row has no field .Tga\nhint: did you mean .Tag? the fields are .Repository .Tag\n",
  ]);
  const table = (await strake.ok("tags", "--format", "table", app)).split("\n");
  expect(table[0]).toMatch(/^REPOSITORY +TAG$/);
  expect(table[3]).toMatch(new RegExp(`^${app} +latest$`));
});

test("tags by a pattern, and without those that are made of digests", async () => {
  const signature = `sha256-${image.digest.slice(7)}.sig`;
  await strake.ok("copy", `${tool}:1`, `${tool}:${signature}`);
  expect(await strake.ok("tags", tool)).toBe(`1\n${signature}\n`);
  expect(await strake.ok("tags", "--exclude-digest-tags", tool)).toBe("1\n");
  expect(await strake.ok("tags", app, "[0-9]*")).toBe("1\n2\n");
  expect(await strake.ok("tags", app, "{2,l*}")).toBe("2\nlatest\n");
  await strake.ok("delete", `${tool}:${signature}`);
});

test("docker:// before the name, as podman and skopeo have it", async () => {
  expect(await strake.ok("digest", `docker://${tool}:1`)).toBe(`${image.digest}\n`);
  expect(await strake.ok("tags", `docker://${tool}`)).toBe("1\n");
  expect(await strake.ok("referrers", "--format", "{{.Digest}}", `docker://${app}:1`)).toBe(`${artifact}\n`);
  expect(JSON.parse(await strake.ok("manifest", "inspect", `docker://${tool}:1`))).toEqual(
    JSON.parse(new TextDecoder().decode(image.manifest)),
  );
  expect(await strake.ok("pull", "-q", `docker://${tool}:1`)).toMatch(/^sha256:/);
  expect(await strake.ok("push", "-q", `${tool}:1`, `docker://${tool}:2`)).toBe(`${image.digest}\n`);
  expect(await strake.ok("delete", `docker://${tool}:2`)).toBe(`Deleted: ${tool}:2\n`);
});

test("pull --all-tags: every image, artifacts are passed over, what cannot be had is named", async () => {
  const all = `${registry.host}/every/app`;
  for (const tag of ["1", "2"]) await strake.ok("copy", `${app}:1`, `${all}:${tag}`);
  await strake.ok("artifact", "push", `${all}:note`, "sbom.json");
  const pulled = await strake.run(["pull", "--all-tags", all]);
  expect(pulled.code).toBe(0);
  expect([...(pulled.stdout.match(/^Status: .*/gm) ?? [])]).toEqual(
    ["1", "2"].map((tag) => `Status: Downloaded newer image for ${all}:${tag}`),
  );
  expect(pulled.stderr).toContain("tag note was passed over: error: ");
  await strake.ok("delete", `${all}:note`);
  const failed = await strake.run(["pull", "-a", "--platform", "linux/riscv64", all]);
  expect(failed.code).toBe(1);
  expect([...(failed.stderr.match(/^tag .*/gm) ?? [])]).toEqual(
    ["1", "2"].map((tag) => expect.stringContaining(`tag ${tag} was not pulled: error: `)),
  );
});

test("catalog and search", async () => {
  const rows = ["team/app", "team/tool"].map((name) => ({ Registry: registry.host, Name: name }));
  expect(await strake.ok("catalog", registry.host)).toBe("every/app\nteam/app\nteam/tool\n");
  expect((await objects("catalog", registry.host)).slice(1)).toEqual(rows);
  expect(await objects("search", `${registry.host}/tool`)).toEqual(rows.slice(1));
  expect(await strake.ok("search", "--format", "json", `${registry.host}/nothing`)).toBe("");
});

test("digest", async () => {
  expect(await strake.ok("digest", `${tool}:1`)).toBe(`${image.digest}\n`);
  expect(await objects("digest", `${tool}:1`)).toEqual([
    {
      ...{ Reference: `${tool}:1`, Digest: image.digest, MediaType: mediaTypes.ociManifest },
      Size: image.manifest.length,
    },
  ]);
});

test("manifest inspect --config: the configuration without the layers, of an index for a platform", async () => {
  const config = JSON.parse(await strake.ok("manifest", "inspect", "--config", `${app}:1`));
  const { config: described } = JSON.parse(await strake.ok("manifest", "inspect", `${app}:1`));
  expect(config.rootfs.diff_ids).toHaveLength(1);
  expect(sha256(await strake.ok("manifest", "inspect", "--config", "--raw", `${app}:1`))).toBe(
    described.digest,
  );
  const list = `${registry.host}/team/list:1`;
  await strake.ok("manifest", "create", list);
  await strake.ok("manifest", "add", "--arch", "s390x", list, `docker://${app}:1`);
  await strake.ok("manifest", "push", "--purge", list);
  const of = (platform: string) => ["manifest", "inspect", "--config", "--platform", platform, list];
  expect(JSON.parse(await strake.ok(...of("linux/s390x")))).toEqual(config);
  for (const words of [of("linux/arm64"), ["copy", "--platform", "linux/arm64", list, `${list}0`]])
    expect((await strake.run(words)).stderr).toContain(
      "has no image for linux/arm64\nhint: it has linux/s390x\n",
    );
  await strake.ok("artifact", "push", `${registry.host}/team/list:note`, "sbom.json");
  expect(await strake.ok("manifest", "inspect", "--config", `${registry.host}/team/list:note`)).toBe("{}\n");
  for (const tag of ["1", "note"]) await strake.ok("delete", `${registry.host}/team/list:${tag}`);
});

test("referrers", async () => {
  const [found, ...more] = await objects("referrers", `${app}:1`);
  expect(more).toEqual([]);
  expect(found).toMatchObject({
    ...{ Digest: artifact, ArtifactType: "text/x-sbom", MediaType: mediaTypes.ociManifest },
    Annotations: { of: "app" },
  });
  expect(typeof found.Size).toBe("number");
  expect(await strake.ok("referrers", `${app}:1`)).toBe(`${artifact}  text/x-sbom  ${found.Size}\n`);
  expect(await strake.ok("referrers", "--format", "{{.Annotations.of}}", `${app}:1`)).toBe("app\n");
});
