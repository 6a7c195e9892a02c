import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { swap } from "../../../test/support/swapper.ts";
import { userEnv } from "../../../test/support/user-env.ts";
import { pushArtifact, Remote } from "../../registry/client/index.ts";
import { Registry } from "../../registry/server/index.ts";
import { fetchArtifact } from "./fetch.ts";
import { artifactFile } from "./files.ts";

/** Artifacts in folders where somebody else exchanges names for links. */
let registry: Registry;
let home: string;
const env = userEnv("/nowhere");
const at = (...names: string[]) => join(home, ...names);
const name = () => `${registry.host}/models/one:1`;

beforeAll(async () => {
  registry = await Registry.start();
});
afterAll(() => registry.stop());
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-artifact-race-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function push(files: Awaited<ReturnType<typeof artifactFile>>[]): Promise<void> {
  using remote = new Remote({ env });
  const repository = await remote.repository({ domain: registry.host, path: "models/one" });
  await pushArtifact(repository, { artifactType: "text/x-model", files }, { tag: "1" });
}
const fileAt = (path: string, title: string) => artifactFile(path, { mediaType: "text/plain", name: title });

test("a pulled file is never written outside its folder", async () => {
  writeFileSync(at("weights"), "weights");
  await push([await fileAt(at("weights"), "sub/weights")]);
  mkdirSync(at("out/sub"), { recursive: true });
  mkdirSync(at("outside"));
  symlinkSync(at("outside"), at("out/link"));
  let [done, refused] = [0, 0];
  await using _ = await swap(at("out"), ["sub", "link"]);
  for (let i = 0; i < 150; i++)
    try {
      await fetchArtifact({ name: name(), folder: at("out"), force: true, env });
      done++;
    } catch {
      refused++;
    }
  expect([done > 0, refused > 0]).toEqual([true, true]);
  expect(readdirSync(at("outside"))).toEqual([]);
});

test("a file that appears during a pull is not replaced without --force", async () => {
  writeFileSync(at("weights"), Buffer.alloc(8 << 20, "w"));
  await push([await fileAt(at("weights"), "weights")]);
  const emit = ({ type }: { type: string }) => {
    if (type === "step.started") writeFileSync(at("out/weights"), "mine");
  };
  const pulled = fetchArtifact({ name: name(), folder: at("out"), env, emit });
  await expect(pulled).rejects.toMatchObject({ code: "USAGE" });
  expect([readFileSync(at("out/weights"), "utf8"), readdirSync(at("out"))]).toEqual(["mine", ["weights"]]);
});

test("what takes a file's place after it was hashed is not sent", async () => {
  writeFileSync(at("secret"), "12345678");
  for (const take of [
    () => symlinkSync(at("secret"), at("card")),
    () => writeFileSync(at("card"), "12345678"),
    () => mkdirSync(at("card")),
    () => {},
  ]) {
    writeFileSync(at("card"), "abcdefgh");
    const file = await fileAt(at("card"), "card");
    renameSync(at("card"), at("old"));
    take();
    const sent: Uint8Array[] = [];
    const sending = (async () => {
      for await (const chunk of file.open(0, 8)) sent.push(chunk);
    })();
    await expect(sending).rejects.toMatchObject({ code: "USAGE" });
    expect(sent).toEqual([]);
    rmSync(at("card"), { recursive: true, force: true });
  }
});
