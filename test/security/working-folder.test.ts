import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeStrake } from "../support/strake.ts";

const strake = makeStrake();
afterAll(() => strake.remove());

// Of the source Bun itself is what reads them, before any line of ours.
test.skipIf(!process.env.STRAKE_BIN)("the working folder is neither run nor read", async () => {
  const folder = join(strake.home, "cloned");
  const ran = join(folder, "ran");
  const code = `require("fs").writeFileSync(${JSON.stringify(ran)}, "")`;
  const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
  mkdirSync(join(folder, "node_modules", "fs"), { recursive: true });
  put("preload.js", code);
  put("bunfig.toml", 'preload = ["./preload.js"]\n[run]\npreload = ["./preload.js"]\n');
  for (const name of [".env", ".env.local", ".env.production", ".env.development"])
    put(name, "STRAKE_SNAPSHOTTER=none-such\nBUN_OPTIONS=--preload=./preload.js\n");
  put("tsconfig.json", '{"compilerOptions":{"paths":{"*":["./preload.js"]}}}');
  put("package.json", '{"name":"strake","main":"./preload.js","imports":{"#*":"./preload.js"}}');
  put("node_modules/fs/index.js", code);

  for (const words of [["version"], ["info"], ["images"], ["build", "-q", "-f", "-", "."]]) {
    const stdin = Buffer.from("FROM scratch\nLABEL a=b\n");
    expect(await strake.run(words, { cwd: folder, stdin })).toMatchObject({ code: 0, stderr: "" });
  }
  expect(existsSync(ran)).toBe(false);
});
