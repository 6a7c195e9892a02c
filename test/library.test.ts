import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  addToList,
  artifactFile,
  attachArtifact,
  build,
  copy,
  copyAllTags,
  createList,
  deleteRemote,
  Engine,
  fetchArtifact,
  inspectConfig,
  inspectManifest,
  listReferrers,
  listRepositories,
  listTags,
  load,
  login,
  logout,
  parseDockerfile,
  parseReference,
  pull,
  push,
  pushList,
  Registry,
  removeList,
  resolveRemote,
  StrakeError,
  type StrakeEvent,
  save,
  Tree,
} from "../src/index.ts";
import { userEnv } from "./support/user-env.ts";

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "strake-library-"));
  mkdirSync(join(home, "context"));
  writeFileSync(join(home, "context", "hello.txt"), "hello\n");
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const at = (name: string) => ({ root: join(home, name), runRoot: join(home, `${name}-run`) });

test("a build as a function: no CLI, no root, no mount", async () => {
  const events: StrakeEvent[] = [];
  const { image, tags, steps } = await build({
    ...at("one"),
    context: join(home, "context"),
    dockerfile: 'FROM scratch\nCOPY hello.txt /a/b\nCMD ["/a/b"]\n',
    tags: ["made:1"],
    emit: (event) => events.push(event),
  });
  expect([tags, steps]).toEqual([["docker.io/library/made:1"], { done: 1, cached: 0 }]);
  expect(events.map(({ type }) => type)).toContain("step.started");
  using engine = Engine.open(at("one"));
  using tree = Tree.open(engine.store.layers.all(image.diffIDs));
  expect(Buffer.from(tree.readFile("/a/b")).toString()).toBe("hello\n");
  expect(engine.history("made:1").map(({ createdBy }) => createdBy)).toEqual([
    'CMD ["/a/b"]',
    "COPY hello.txt /a/b # buildkit",
  ]);
});

test("save into load, with an abort signal and errors that say what is wrong", async () => {
  const chunks: Uint8Array[] = [];
  await save(["made:1"], { ...at("one"), sink: (chunk) => void chunks.push(chunk.slice()) });
  const source = (async function* () {
    yield* chunks;
  })();
  const [loaded] = await load({ ...at("two"), source, tags: ["there:1"] });
  expect(loaded!.tags).toEqual(["docker.io/library/there:1"]);
  const error = await build({
    ...at("two"),
    signal: AbortSignal.abort(),
    dockerfile: "FROM there:1\nRUN true\n",
  }).catch((e) => e);
  expect(error).toBeInstanceOf(StrakeError);
  expect((error as StrakeError).code).toBe("CANCELED");
});

test("parsers without a store", () => {
  expect(parseDockerfile("FROM a\nRUN b\n").stages).toHaveLength(1);
  expect(parseReference("busybox").path).toBe("library/busybox");
});

test("a registry as a function, and all that the command line does with registries", async () => {
  await using registry = await Registry.start();
  const options = { env: userEnv(home) };
  const name = `${registry.host}/team/app`;
  const { digest } = await push({ ...at("one"), ...options, name: "made:1", target: `${name}:1` });
  const copied = await copy(`${name}:1`, `oci:${join(home, "layout")}:1`, options);
  expect([copied.digest, (await resolveRemote(`${name}:1`, options)).digest]).toEqual([digest, digest]);
  expect(await Array.fromAsync(listTags(name, options))).toEqual(["1"]);

  const { raw } = await inspectConfig(`${name}:1`, options);
  expect(JSON.parse(new TextDecoder().decode(raw)).config.Cmd).toEqual(["/a/b"]);
  const files = [
    await artifactFile(join(home, "context/hello.txt"), { mediaType: "text/plain", name: "hello.txt" }),
  ];
  const attached = await attachArtifact(`${name}:1`, { artifactType: "text/x-note", files }, options);
  expect(await listReferrers(`${name}:1`, options)).toMatchObject([{ digest: attached.digest }]);
  const fetched = await fetchArtifact({
    ...options,
    name: `${name}@${attached.digest}`,
    folder: join(home, "out"),
  });
  expect(fetched.files).toEqual([join(home, "out/hello.txt")]);

  const outcomes = await Array.fromAsync(copyAllTags(name, `${registry.host}/team/other`, options));
  expect(outcomes).toEqual([{ tag: "1", outcome: "copied", digest }]);
  expect(await Array.fromAsync(listRepositories(registry.host, options))).toEqual(["team/app", "team/other"]);

  using engine = Engine.open(at("one"));
  createList(engine.store, `${name}:list`);
  await addToList(engine.store, `${name}:list`, { ...options, image: `docker://${name}:1` });
  const index = await pushList(engine.store, { ...options, list: `${name}:list` });
  removeList(engine.store, `${name}:list`);
  expect(await inspectManifest(`${name}:list`, options)).toMatchObject({ kind: "index", digest: index });

  expect(await login(registry.host, { username: "ann", password: "p" }, options)).toMatchObject({
    isPlainText: true,
  });
  expect(await logout(registry.host, options)).toBe(true);
  expect(await deleteRemote(`${name}:1`, options)).toEqual({ tags: ["1"] });
  const gone = await pull({ ...at("two"), ...options, reference: `${name}:1` }).catch((error) => error);
  expect(gone).toMatchObject({
    code: "REGISTRY_NOT_FOUND",
    hint: expect.stringContaining("its tags are list"),
  });
});
