import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Engine } from "../../src/engine/index.ts";
import type { StrakeEvent } from "../../src/events/index.ts";
import { hostPlatform, mediaTypes, sha256 } from "../../src/oci/index.ts";
import { json, tarOf } from "../support/archives.ts";
import { haltingRegistry } from "../support/halting-registry.ts";
import { program } from "../support/strake.ts";
import { userEnv } from "../support/user-env.ts";

/** A pull that was interrupted goes on, when it is done again, in the middle of the layer where it was. */
const home = mkdtempSync(join(tmpdir(), "strake-again-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const env = { ...process.env, ...userEnv(home) };

const tar = await tarOf([["file", randomBytes(12 << 20)]]);
const config = json({ ...hostPlatform(), rootfs: { type: "layers", diff_ids: [sha256(tar)] } });
const described = (mediaType: string, bytes: Uint8Array) => ({
  ...{ mediaType, digest: sha256(bytes), size: bytes.length },
});
/** The layer as the registry has it. */
interface Form {
  readonly form: string;
  readonly mediaType: string;
  readonly layer: Uint8Array;
}
const forms: readonly Form[] = [
  { form: "packed", mediaType: mediaTypes.ociLayerGzip, layer: gzipSync(tar, { level: 1 }) },
  { form: "not packed", mediaType: mediaTypes.ociLayer, layer: tar },
];

/** Sends the layer up to `until()`, and then nothing more. */
async function registry({ layer, mediaType }: Form, until: () => number) {
  const manifest = json({
    ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest },
    config: described(mediaTypes.ociConfig, config),
    layers: [described(mediaType, layer)],
  });
  return await haltingRegistry({ manifest, large: layer, small: config }, until);
}

let roots = 0;
function folders() {
  const root = join(home, String(roots++));
  return { root: join(root, "root"), runRoot: join(root, "run"), work: join(root, "root/work") };
}

/** Files of more than a mebibyte that a pull has left. */
function kept(work: string): string[] {
  return readdirSync(work)
    .map((name) => join(work, name))
    .filter((path) => statSync(path).size > 1 << 20);
}

/** What `step.done` says was moved, by step. */
function heard() {
  const steps = new Map<string, number | undefined>();
  const emit = (event: StrakeEvent) => {
    if (event.type === "step.done") steps.set(event.step, event.bytes);
  };
  return { steps, emit };
}

/** Waits until a pull has written some of the layer. */
async function someIsThere(work: string): Promise<void> {
  for (;;) {
    try {
      if (kept(work).length > 0) return;
    } catch {
      // There is no store yet, or the file has just got another name.
    }
    await Bun.sleep(20);
  }
}

/** Interrupts a pull of this process when some of the layer is here. */
async function interrupted(
  engine: Engine,
  { reference, starts }: Awaited<ReturnType<typeof registry>>,
  work: string,
): Promise<void> {
  const stop = new AbortController();
  const before = starts.length;
  const pull = engine.pull({ env, reference, signal: stop.signal });
  while (starts.length === before) await Bun.sleep(20);
  await someIsThere(work);
  stop.abort();
  await expect(pull).rejects.toMatchObject({ code: "CANCELED" });
  expect(kept(work)).toHaveLength(1);
}

const places = ["in this process", "in the next one"];
test.each(forms.flatMap((form) => places.map((where) => [form.form, where, form] as const)))(
  "a layer that is %s, canceled: goes on %s, and nothing stays",
  async (_form, where, form) => {
    const { layer } = form;
    let until = layer.length >> 1;
    const server = await registry(form, () => until);
    using _server = server;
    const { work, ...place } = folders();
    let engine = Engine.open(place);
    try {
      await interrupted(engine, server, work);
      await interrupted(engine, server, work);
      if (where !== "in this process") {
        engine.close();
        // As another process would have written it, which is gone.
        const [path] = kept(work);
        writeFileSync(
          join(
            work,
            path!
              .split("/")
              .at(-1)!
              .replace(/^\.tmp-[^-]*-/, ".tmp-0.1.2.3-"),
          ),
          readFileSync(path!),
        );
        rmSync(path!);
        engine = Engine.open(place);
      }
      until = layer.length;
      const { steps, emit } = heard();
      const { image } = await engine.pull({ env, reference: server.reference, emit });
      expect(image.diffIDs).toEqual([sha256(tar)]);
      expect(server.starts).toHaveLength(3);
      expect(server.starts[1]).toBeGreaterThan(1 << 20);
      expect(server.starts[2]).toBeGreaterThanOrEqual(server.starts[1]!);
      // What was here before is part of the progress, and not of what was moved.
      expect(steps.get(`pull ${sha256(layer)}`)).toBe(layer.length - server.starts[2]!);
      const stored = engine.store.layers.get(sha256(tar))!.tarPath;
      expect(readFileSync(stored).equals(tar)).toBe(true);
      const sent = form.mediaType === mediaTypes.ociLayer ? stored : engine.store.blobs.path(sha256(layer));
      expect(readFileSync(sent).equals(layer)).toBe(true);
      expect(kept(work)).toEqual([]);
      expect(engine.store.gc({ verify: true }).problems).toEqual([]);
    } finally {
      engine.close();
    }
  },
);

test.each(forms)("a layer that is $form, damaged meanwhile, is fetched anew", async (form) => {
  const { layer } = form;
  let until = layer.length >> 1;
  const server = await registry(form, () => until);
  using _server = server;
  const { work, ...place } = folders();
  using engine = Engine.open(place);
  await interrupted(engine, server, work);
  const [path] = kept(work);
  const bytes = readFileSync(path!);
  bytes[1_000_000]! ^= 1;
  writeFileSync(path!, bytes);
  until = layer.length;
  await engine.pull({ env, reference: server.reference });
  expect(server.starts).toEqual([0, bytes.length, 0]);
  expect(kept(work)).toEqual([]);
});

const commands = ["pull", "copy to a docker-archive"];
test.each(forms.flatMap((form) => commands.map((command) => [command, form.form, form] as const)))(
  "%s killed with SIGKILL at a layer that is %s: the next one goes on, nothing stays",
  async (command, _form, form) => {
    const { layer } = form;
    let until = layer.length >> 1;
    const server = await registry(form, () => until);
    using _server = server;
    const { work, ...place } = folders();
    const surroundings = { ...env, STRAKE_ROOT: place.root, STRAKE_RUNROOT: place.runRoot };
    const run = (...words: string[]) =>
      Bun.spawn([...program, ...words], { env: surroundings, stdout: "pipe", stderr: "pipe" });
    const transfer = () =>
      command === "pull"
        ? run("pull", server.reference)
        : run("copy", server.reference, `docker-archive:${place.root}.tar:app:1`);
    const child = transfer();
    await someIsThere(work);
    child.kill("SIGKILL");
    await child.exited;
    until = layer.length;
    const again = transfer();
    expect([await again.exited, await new Response(again.stderr).text()]).toEqual([0, expect.any(String)]);
    expect(server.starts).toHaveLength(2);
    expect(server.starts[1]).toBeGreaterThan(1 << 20);
    expect(kept(work)).toEqual([]);

    const verify = run("gc", "--verify");
    expect([await verify.exited, await new Response(verify.stdout).text()]).toEqual([
      0,
      expect.stringContaining("clean"),
    ]);
  },
);

test.each(forms)(
  "what came of a layer that is $form, and nobody comes back for, is collected",
  async (form) => {
    const server = await registry(form, () => form.layer.length >> 1);
    using _server = server;
    const { work, ...place } = folders();
    const surroundings = { ...env, STRAKE_ROOT: place.root, STRAKE_RUNROOT: place.runRoot };
    const child = Bun.spawn([...program, "pull", server.reference], { env: surroundings, stdout: "ignore" });
    await someIsThere(work);
    child.kill("SIGKILL");
    await child.exited;
    using engine = Engine.open(place);
    const { leftovers, problems } = engine.store.gc({ verify: true });
    expect([leftovers.some(({ size }) => size > 1 << 20), kept(work), problems]).toEqual([true, [], []]);
  },
);
