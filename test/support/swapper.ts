import { join } from "node:path";

/**
 * Another process that exchanges two names of a folder as fast as it can: whoever looks at a name first and uses it later meets the other.
 * With `of`, it begins when this comes into being.
 */
export async function swap(folder: string, [one, other]: readonly [string, string]) {
  const sys = join(import.meta.dir, "../../src/sys/index.ts");
  const script = `
    const { openDirectory, renameAt, renameFlags } = await import(${JSON.stringify(sys)});
    const folder = openDirectory(${JSON.stringify(folder)});
    console.log("swapping");
    for (;;) try { renameAt(folder, ${JSON.stringify(one)}, folder, ${JSON.stringify(other)}, renameFlags.exchange); } catch {}`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  await child.stdout.getReader().read();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
