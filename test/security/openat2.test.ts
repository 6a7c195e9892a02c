import { expect, test } from "bun:test";
import { join } from "node:path";
import { compileSeccomp } from "../../src/sys/index.ts";

/**
 * Where the kernel has no openat2 (Linux before 5.6), or a seccomp profile does not know it (docker's until 20.10), paths are walked name by name. The
 * tests of what must not be led astray run again there, each in a process whose kernel refuses the call.
 */
const repository = join(import.meta.dir, "..", "..");
const obstacle =
  compileSeccomp({ defaultAction: "SCMP_ACT_ALLOW", architectures: [], syscalls: [] }) === undefined
    ? "libseccomp is not installed"
    : undefined;
if (obstacle) console.log(`kernels without openat2 are not tested: ${obstacle}`);

function without(errno: string, ...args: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [
      ...[process.execPath, join(repository, "test/support/without-openat2.ts"), errno, process.execPath],
      ...args,
    ],
    { cwd: repository, env: { ...process.env } },
  );
  return { exitCode, text: `${stdout}${stderr}` };
}

test.skipIf(obstacle !== undefined).each(["ENOSYS", "EPERM"])(
  "the kernel of these tests says %s",
  (errno) => {
    const script = `
    const { errnoName } = await import("./src/sys/index.ts");
    const { errno } = await import("./src/sys/libc.ts");
    const { syscall } = await import("./src/sys/syscall.ts");
    console.log(syscall("openat2", -100, Buffer.from(".\\0"), new Uint8Array(24), 24), errnoName(errno()));`;
    expect(without(errno, "-e", script).text).toBe(`-1 ${errno}\n`);
  },
);

const suites = [
  ...["src/sys/folder.test.ts", "src/sys/node.test.ts", "src/layer/extract/extract.test.ts"],
  ...["src/layer/diff.test.ts", "src/engine/artifact/races.test.ts", "src/archive/layout/races.test.ts"],
  "test/security/containers.test.ts",
];
// Both refusals lead to the same walk: which file meets which is of no account.
test
  .skipIf(obstacle !== undefined)
  .each(suites.map((file, i) => [file, i % 2 === 0 ? "ENOSYS" : "EPERM"] as const))(
  "%s with %s",
  (file, errno) => {
    const { exitCode, text } = without(errno, "test", "--timeout", "120000", `./${file}`);
    if (exitCode !== 0) console.log(text);
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^ *[1-9][0-9]* pass$/m);
  },
  300_000,
);
