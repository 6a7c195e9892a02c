import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sha256 } from "../../oci/index.ts";
import { FileStore, Registry } from "./index.ts";
import { referrerKey } from "./layout.ts";

test("of 10,000 referrers a filter finds one, and others are answered meanwhile", async () => {
  const root = mkdtempSync(join(tmpdir(), "strake-referrers-"));
  try {
    const subject = sha256(Buffer.from("subject"));
    const pathOf = (i: number) =>
      join(root, "objects", referrerKey("a", subject, sha256(Buffer.from(`${i}`))));
    mkdirSync(dirname(pathOf(0)), { recursive: true });
    for (let i = 0; i < 10_000; i++) {
      const digest = sha256(Buffer.from(`${i}`));
      const artifactType = i === 2345 ? "x/wanted" : "x/other";
      const descriptor = {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest,
        size: 9,
        artifactType,
      };
      writeFileSync(pathOf(i), JSON.stringify(descriptor));
    }
    await using registry = await Registry.start({ storage: await FileStore.open(root) });
    const url = `${registry.url}v2/a/referrers/${subject}?artifactType=x/wanted`;
    // The folder is listed once, at once; what follows is about reading.
    await (await fetch(`${registry.url}v2/a/referrers/${subject}?n=1`)).text();
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const before = performance.now();
    const list = (await (await fetch(url)).json()) as { manifests: { artifactType: string }[] };
    const whole = performance.now() - before;
    clearInterval(timer);
    expect(list.manifests.map(({ artifactType }) => artifactType)).toEqual(["x/wanted"]);
    expect(longest).toBeLessThan(whole / 2);
  } finally {
    rmSync(root, { recursive: true });
  }
}, 60_000);
