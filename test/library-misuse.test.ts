import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  artifactFile,
  build,
  copy,
  Engine,
  FileStore,
  listTags,
  login,
  parseDockerfile,
  Registry,
  resolveRemote,
  S3Store,
  StrakeError,
  sendArtifact,
  Tree,
} from "../src/index.ts";

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "strake-misuse-"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const at = (name: string) => ({ root: join(home, name), runRoot: join(home, `${name}-run`) });

/** What a call throws or rejects with, as `CODE: message`; anything but a StrakeError as itself. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    return { value: await call() };
  } catch (error) {
    return error instanceof StrakeError ? `${error.code}: ${error.message}` : error;
  }
}

test("an engine that was closed says so, whatever it is asked for", async () => {
  const engine = Engine.open(at("closed"));
  const { store } = engine;
  const containers = await engine.containers();
  engine.close();
  engine[Symbol.dispose]();
  engine.close();
  const calls = [
    () => engine.images(),
    () => engine.tag("a", "b"),
    () => engine.pull({ reference: "registry.invalid/a" }),
    () => engine.build({ dockerfile: "FROM scratch\nCOPY a /\n" }),
    () => engine.load({ source: (async function* () {})() }),
    () => engine.containers().then((all) => all.list()),
    () => containers.list(),
    () => store.images.list(),
    () => store.gc(),
  ];
  for (const call of calls)
    expect(await failure(call)).toBe(`STORE_CLOSED: the store ${at("closed").root} was closed`);
});

test("what runs while its engine is closed ends with that", async () => {
  const engine = Engine.open(at("under"));
  const context = (async function* () {
    engine.close();
    yield new Uint8Array(1024);
  })();
  expect(await failure(() => engine.import({ source: context }))).toMatch(/^STORE_CLOSED: /);
});

/** A call as JavaScript makes it, where nothing checks types. */
const js = (call: (...values: never[]) => unknown, ...values: readonly unknown[]) =>
  failure(() => call(...(values as never[])));

test("arguments that no compiler looked at: what is wrong, where, and what to write", async () => {
  using engine = Engine.open(at("arguments"));
  const of = (name: "build" | "pull" | "push" | "load" | "import" | "create" | "bootstrap" | "image") =>
    js.bind(undefined, engine[name].bind(engine) as never);
  const build = of("build");
  const told: [Promise<unknown>, string][] = [
    [build(), "build takes an object with its options, not undefined"],
    [build({ context: 5 }), "build: context must be a string, not 5"],
    [build({ dockerfile: 5 }), "build: dockerfile must be a string or Uint8Array, not 5"],
    [build({ tags: "app" }), 'build: tags must be an array of strings, not "app"'],
    [
      build({ tags: [undefined] }),
      "build: tags must be an array of strings, not an array with undefined in it",
    ],
    [build({ buildArgs: { A: 5 } }), "build: buildArgs: A must be a string, not of type number"],
    [build({ emit: 5 }), "build: emit must be a function, not 5"],
    [
      build({ signal: new AbortController() }),
      "build: signal must be an AbortSignal, not an object (AbortController)",
    ],
    [build({ pull: true }), 'build: pull must be one of "always", "missing", "never", not true'],
    [of("pull")("busybox"), 'pull takes an object with its options, not "busybox"'],
    [of("pull")({}), "pull: reference is missing: a string"],
    [of("push")({ name: 5 }), "push: name must be a string, not 5"],
    [of("load")({ source: "x.tar" }), 'load: source must be an async iterable of Uint8Array, not "x.tar"'],
    [of("import")({}), "import: source is missing: an async iterable of Uint8Array"],
    [
      of("create")({ image: "a", command: "true" }),
      'create: command must be an array of strings, not "true"',
    ],
    [
      of("create")({ image: "a", network: {} }),
      'create: network must be one of "bridge", "host", "none", not an object (Object)',
    ],
    [of("bootstrap")({}), "bootstrap: kind is missing: a string"],
    [of("image")(5), "an image's name or ID must be a string, not 5"],
    [js(engine.save.bind(engine) as never, "app", {}), 'save: names must be an array of strings, not "app"'],
    [js(engine.save.bind(engine) as never, ["app"]), "save takes an object with its options, not undefined"],
    [js(engine.tag.bind(engine) as never, "a"), "an image reference is missing: a string"],
  ];
  for (const [failed, message] of told) expect(await failed).toBe(`USAGE: ${message}`);
  const containers = await engine.containers();
  expect(await js(containers.get.bind(containers) as never)).toBe(
    "USAGE: a container's name or ID is missing: a string",
  );
});

test("the same for what needs no engine", async () => {
  const told: [Promise<unknown>, string][] = [
    [js(Engine.open as never, null), "Engine.open takes an object with its options, not null"],
    [js(Engine.open as never, { root: 5 }), "Engine.open: root must be a string, not 5"],
    [js(build as never), "build takes an object with its options, not undefined"],
    [js(copy as never, "a"), "an image reference is missing: a string"],
    [
      js(((name: string) => Array.fromAsync(listTags(name))) as never, 5),
      "an image reference must be a string, not 5",
    ],
    [
      js(resolveRemote as never, "a", { signal: 5 }),
      "what is asked of a registry: signal must be an AbortSignal, not 5",
    ],
    [js(login as never, "127.0.0.1:1", {}), "login: username is missing: a string"],
    [js(artifactFile as never, "/a"), "artifactFile takes an object with its options, not undefined"],
    [js(sendArtifact as never, "127.0.0.1:1/a:1", {}), "an artifact: files is missing: an array"],
    [js(parseDockerfile as never), "Dockerfile is missing: a string or Uint8Array"],
    [js(Tree.open as never), "Tree.open: layers is missing: an array"],
    [js(Registry.start as never, { port: "80" }), 'Registry.start: port must be a number, not "80"'],
    [js(Registry.start as never, { storage: "/a" }), 'Registry.start: storage must be an object, not "/a"'],
    [js(FileStore.open as never), "FileStore.open: folder is missing: a string"],
    [js(S3Store.open as never, {}), "S3Store: endpoint is missing: a string"],
  ];
  for (const [failed, message] of told) expect(await failed).toBe(`USAGE: ${message}`);
});

test("an address that cannot be had, and a root that is a file", async () => {
  await using registry = await Registry.start();
  const start = (options: object) => failure(() => Registry.start(options));
  const { host, port } = registry;
  expect(await start({ port })).toBe(`PORT_BUSY: ${host} is already in use`);
  expect(await start({ reports: { port } })).toBe(`PORT_BUSY: ${host} is already in use`);
  const nowhere = { hostname: "no-such-host.invalid", open: true };
  expect(await start(nowhere)).toBe("USAGE: a registry cannot listen on no-such-host.invalid:0");
  expect(await start({ port: 99999 })).toBe("USAGE: a registry cannot listen on 127.0.0.1:99999");
  expect(await failure(() => Engine.open({ root: process.execPath }))).toBe(
    `STORE_ROOT: the data root ${process.execPath} cannot be made: it is not a folder`,
  );
});
