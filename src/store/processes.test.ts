import { expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryStore } from "./fixture/temporary-store.ts";

const worker = join(import.meta.dir, "fixture", "worker.ts");

function start(root: string, name: string, rounds: number) {
  return Bun.spawn([process.execPath, worker, root, name, String(rounds)], {
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** What the worker said it had done for good: tag to image ID. */
function tagsIn(output: string): Map<string, string> {
  const tags = new Map<string, string>();
  const lines = output.split("\n");
  // The last line may be half of one.
  for (const line of lines.slice(0, -1)) {
    const [verb, tag, id] = line.split(" ");
    if (verb === "tagged") tags.set(tag!, id!);
    if (verb === "untagged") tags.delete(tag!);
  }
  return tags;
}

test("several processes put, commit, remove and collect at once", async () => {
  using t = temporaryStore();
  const workers = ["a", "b", "c", "d"].map((name) => start(t.root, name, 12));
  const results = await Promise.all(
    workers.map(async (worker) => {
      const [output, errors] = await Promise.all([
        new Response(worker.stdout).text(),
        new Response(worker.stderr).text(),
      ]);
      return { output, errors, code: await worker.exited };
    }),
  );
  for (const { errors, code, output } of results) {
    expect(errors).toBe("");
    expect([code, output.includes("finished")]).toEqual([0, true]);
    for (const [tag, id] of tagsIn(output)) expect(t.store.images.get(tag)?.id as string).toBe(id);
  }
  expect(t.store.containers.list()).toHaveLength(4 * 6);
  t.store.gc();
  expect(t.store.gc({ verify: true }).problems).toEqual([]);
}, 120_000);

test("a process killed at any moment loses nothing it had reported and leaves nothing behind", async () => {
  using t = temporaryStore();
  let reported = 0;
  for (let kill = 0; kill < 20; kill++) {
    const worker = start(t.root, `k${kill}`, 1000);
    const lines = worker.stdout.getReader();
    let output = "";
    // Wait for its first words, so that the kill hits work and not start-up; then anywhere within some rounds.
    const first = await lines.read();
    output += Buffer.from(first.value ?? []).toString();
    await Bun.sleep(Math.random() * 60);
    worker.kill("SIGKILL");
    for (let part = await lines.read(); !part.done; part = await lines.read())
      output += Buffer.from(part.value).toString();
    await worker.exited;
    expect(output).toContain("tagged");

    const report = t.store.gc({ verify: true });
    expect(report.problems).toEqual([]);
    for (const [tag, id] of tagsIn(output)) {
      // An untagging may have happened and not been said.
      const image = t.store.images.get(tag);
      if (!image) continue;
      reported++;
      expect(image.id as string).toBe(id);
      expect(t.store.layers.all(image.diffIDs)).toHaveLength(2);
      expect((await t.store.blobs.read(image.id)).byteLength).toBeGreaterThan(0);
    }
    expect([...tagsIn(output).keys()].filter((tag) => !t.store.images.get(tag)).length).toBeLessThan(2);
  }
  expect(reported).toBeGreaterThan(10);
}, 120_000);
