import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

test("a compiled program is not taken for strake: it has to say who cleans up after its containers", async () => {
  const home = mkdtempSync(join(tmpdir(), "strake-compiled-"));
  try {
    const source = join(home, "app.ts");
    writeFileSync(
      source,
      `import { Engine } from ${JSON.stringify(join(import.meta.dir, "..", "src", "index.ts"))};
       const at = { root: ${JSON.stringify(join(home, "root"))}, runRoot: ${JSON.stringify(join(home, "run"))} };
       using silent = Engine.open(at);
       console.log(await silent.containers().catch((error) => error.code + ": " + error.message));
       using spoken = Engine.open({ ...at, command: ["/usr/local/bin/strake"] });
       console.log((await spoken.containers()).services.cleanupCommand.join(" "));`,
    );
    const program = join(home, "app");
    const built = Bun.spawnSync([process.execPath, "build", "--compile", source, "--outfile", program]);
    expect(built.stderr.toString()).not.toContain("error");
    expect(Bun.spawnSync([program]).stdout.toString()).toBe(
      "USAGE: a bundled program does not know who cleans up after its containers\n" +
        "/usr/local/bin/strake container cleanup\n",
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
