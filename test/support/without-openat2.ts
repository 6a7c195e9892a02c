import { ptr } from "bun:ffi";
import { compileSeccomp, errnoNumber, execve } from "../../src/sys/index.ts";
import { errno, libc } from "../../src/sys/libc.ts";

/**
 * Runs a command whose kernel has no openat2: `bun without-openat2.ts ENOSYS COMMAND ARGUMENT...`. ENOSYS is what Linux before 5.6 says,
 * EPERM what seccomp profiles say of calls that are newer than they are (docker's until 20.10).
 */
const [refusal = "", command = "", ...rest] = process.argv.slice(2);
const program = compileSeccomp({
  defaultAction: "SCMP_ACT_ALLOW",
  architectures: [process.arch === "arm64" ? "SCMP_ARCH_AARCH64" : "SCMP_ARCH_X86_64"],
  syscalls: [{ names: ["openat2"], action: "SCMP_ACT_ERRNO", errnoRet: errnoNumber(refusal) }],
});
if (program === undefined) throw new Error("libseccomp is not here");
// struct sock_fprog: how many instructions of 8 bytes, and where they are.
const filter = new DataView(new ArrayBuffer(16));
filter.setUint16(0, program.length / 8, true);
filter.setBigUint64(8, BigInt(ptr(program)), true);
const [noNewPrivileges, setSeccomp, filterMode] = [38, 22, 2];
const install = () => libc().prctl(setSeccomp, filterMode, ptr(new Uint8Array(filter.buffer)), 0, 0) === 0;
// Root needs no promise, which would change what programs it starts may become.
if (!install()) {
  libc().prctl(noNewPrivileges, 1, 0, 0, 0);
  if (!install()) throw new Error(`prctl: errno ${errno()}`);
}
execve(command, [command, ...rest], process.env as Record<string, string>);
