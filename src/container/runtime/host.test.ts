import { afterAll, expect, test } from "bun:test";
import { accessSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCapSysAdmin, readMountInfo, umount } from "../../sys/index.ts";
import { enterContainerNamespace, sealRuntime } from "./host.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-host-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const able = process.platform === "linux" && hasCapSysAdmin();
if (!able) console.log("skipped: sealing a runtime needs CAP_SYS_ADMIN");

test.skipIf(!able)(
  "a sealed runtime can be run and not written by what is started here, and by others as before",
  async () => {
    const program = join(folder, "runtime");
    writeFileSync(program, "#!/bin/sh\necho ran\n", { mode: 0o755 });
    const other = Bun.spawn(["sh", "-c", `read _; echo '#' >> ${program}`], { stdin: "pipe" });
    enterContainerNamespace();
    sealRuntime(program);
    sealRuntime(program);
    expect(readMountInfo().filter(({ mountPoint }) => mountPoint === program).length).toBe(1);
    expect(() => openSync(program, "r+")).toThrow("EROFS");
    expect(Bun.spawnSync([program]).stdout.toString()).toBe("ran\n");
    other.stdin.write("\n");
    await other.stdin.end();
    expect(await other.exited).toBe(0);
    umount(program);
  },
);

test("a program that cannot be sealed is left as it is", () => {
  const missing = join(folder, "missing");
  sealRuntime(missing);
  expect(() => accessSync(missing, constants.F_OK)).toThrow("ENOENT");
});
