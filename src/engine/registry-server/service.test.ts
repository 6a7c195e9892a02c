import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RegistryService } from "./service.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-registry-service-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (note: string) =>
  `listen = "127.0.0.1:0"\nlog = "none"\nstorage = { driver = "memory" }\n# ${note}\n`;

test("a configuration that changes while it is read again is read once more, and one that was read is not", async () => {
  const config = join(folder, "registry.toml");
  writeFileSync(config, text("one"));
  const service = await RegistryService.start({ config, env: {} });
  try {
    const told: number[] = [];
    let changed = Promise.withResolvers<void>();
    service.watch(() => {
      told.push(performance.now());
      changed.resolve();
    });
    writeFileSync(config, text("the second"));
    const reading = service.reload();
    // The old text has been read by now, and nobody was told of this one.
    writeFileSync(config, text("the third of them"));
    await reading;
    await changed.promise;
    expect(told).toHaveLength(1);
    changed = Promise.withResolvers<void>();
    writeFileSync(config, "");
    await service.reload().catch(() => {});
    writeFileSync(config, text("four"));
    await service.reload();
    await Promise.race([changed.promise, Bun.sleep(2500)]);
    expect(told).toHaveLength(1);
  } finally {
    await service.stop();
  }
});
