import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A system call filter in libseccomp's terms: action and errno for the named calls, with comparisons of arguments. */
export interface SeccompFilter {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  /** `SCMP_ARCH_X86_64`, ... */
  readonly architectures: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly errnoRet?: number;
    readonly args?: readonly {
      readonly index: number;
      readonly value: number;
      readonly valueTwo?: number;
      readonly op: string;
    }[];
  }[];
}

const comparisons: Readonly<Record<string, number>> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_MASKED_EQ: 7,
};

/** enum scmp_filter_attr: the order of the filter's tests; 2 is a binary tree over call numbers. */
const attributeOptimize = 8;
const binaryTree = 2;

/** Size of struct scmp_arg_cmp: index, operator, two 64-bit values. */
const comparisonSize = 24;

/**
 * The classic BPF program of a filter, as libseccomp (which every OCI runtime needs anyway) makes it. Undefined when the
 * library is not there or does not take the filter. Calls whose names it does not know are left to the default action. 10 ms.
 */
export function compileSeccomp(filter: SeccompFilter): Uint8Array | undefined {
  const library = load();
  if (library === undefined) return undefined;
  const context = library.seccomp_init(actionNumber(filter.defaultAction, filter.defaultErrnoRet));
  if (!context) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "strake-seccomp-"));
  try {
    // Older libraries do not know the attribute; the program is then longer and means the same.
    library.seccomp_attr_set(context, attributeOptimize, binaryTree);
    for (const name of filter.architectures) {
      const token = library.seccomp_arch_resolve_name(text(name.replace("SCMP_ARCH_", "").toLowerCase()));
      // The native one is there from the beginning, which gives an error (EEXIST) here.
      if (token !== 0) library.seccomp_arch_add(context, token);
    }
    for (const rule of filter.syscalls) if (!addRule(library, context, rule)) return undefined;
    const fd = openSync(join(folder, "bpf"), "wx", 0o600);
    const failed = library.seccomp_export_bpf(context, fd) !== 0;
    closeSync(fd);
    return failed ? undefined : readFileSync(join(folder, "bpf"));
  } finally {
    library.seccomp_release(context);
    rmSync(folder, { recursive: true, force: true });
  }
}

function addRule(library: Library, context: number, rule: SeccompFilter["syscalls"][number]): boolean {
  const args = rule.args ?? [];
  const comparison = Buffer.alloc(Math.max(1, args.length) * comparisonSize);
  for (const [n, arg] of args.entries()) {
    const operator = comparisons[arg.op];
    if (operator === undefined) return false;
    comparison.writeUInt32LE(arg.index, n * comparisonSize);
    comparison.writeUInt32LE(operator, n * comparisonSize + 4);
    comparison.writeBigUInt64LE(BigInt(arg.value), n * comparisonSize + 8);
    comparison.writeBigUInt64LE(BigInt(arg.valueTwo ?? 0), n * comparisonSize + 16);
  }
  const action = actionNumber(rule.action, rule.errnoRet);
  for (const name of rule.names) {
    const number = library.seccomp_syscall_resolve_name(text(name));
    if (number === unknownSyscall) continue;
    if (library.seccomp_rule_add_array(context, action, number, args.length, comparison) !== 0) return false;
  }
  return true;
}

/** __NR_SCMP_ERROR. */
const unknownSyscall = -1;

/** SECCOMP_RET_ALLOW and SECCOMP_RET_ERRNO of linux/seccomp.h. */
function actionNumber(action: string, errno = 1): number {
  return action === "SCMP_ACT_ALLOW" ? 0x7fff0000 : 0x00050000 | errno;
}

function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`);
}

interface Library {
  seccomp_init(action: number): number;
  seccomp_release(context: number): void;
  seccomp_attr_set(context: number, attribute: number, value: number): number;
  seccomp_arch_resolve_name(name: Uint8Array): number;
  seccomp_arch_add(context: number, token: number): number;
  seccomp_syscall_resolve_name(name: Uint8Array): number;
  seccomp_rule_add_array(
    context: number,
    action: number,
    syscall: number,
    count: number,
    comparisons: Uint8Array,
  ): number;
  seccomp_export_bpf(context: number, fd: number): number;
}

const signatures = {
  seccomp_init: { args: ["u32"], returns: "ptr" },
  seccomp_release: { args: ["ptr"], returns: "void" },
  seccomp_attr_set: { args: ["ptr", "u32", "u32"], returns: "i32" },
  seccomp_arch_resolve_name: { args: ["ptr"], returns: "u32" },
  seccomp_arch_add: { args: ["ptr", "u32"], returns: "i32" },
  seccomp_syscall_resolve_name: { args: ["ptr"], returns: "i32" },
  seccomp_rule_add_array: { args: ["ptr", "u32", "i32", "u32", "ptr"], returns: "i32" },
  seccomp_export_bpf: { args: ["ptr", "i32"], returns: "i32" },
} as const;

function load(): Library | undefined {
  if (process.versions.bun === undefined) return undefined;
  const ffi = process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
  try {
    return ffi.dlopen("libseccomp.so.2", signatures).symbols as unknown as Library;
  } catch {
    return undefined;
  }
}
