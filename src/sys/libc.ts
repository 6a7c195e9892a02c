import { StrakeError } from "../errors/index.ts";
import { sysError } from "./errno.ts";

/** A `char *`, `void *` or NULL argument. */
export type Pointer = Uint8Array | null;

type Signature = readonly [args: readonly string[], returns: string];

/** Every libc function this project calls, with its C types in bun:ffi's names. */
const signatures = {
  __errno_location: [[], "ptr"],
  syscall: [["i64", "i64", "i64", "i64", "i64", "i64", "i64"], "i64_fast"],
  mount: [["ptr", "ptr", "ptr", "u64_fast", "ptr"], "i32"],
  umount2: [["ptr", "i32"], "i32"],
  unshare: [["i32"], "i32"],
  flock: [["i32", "i32"], "i32"],
  syncfs: [["i32"], "i32"],
  mmap: [["u64_fast", "u64_fast", "i32", "i32", "i32", "i64_fast"], "i64_fast"],
  munmap: [["u64_fast", "u64_fast"], "i32"],
  madvise: [["u64_fast", "u64_fast", "i32"], "i32"],
  fallocate: [["i32", "i32", "i64_fast", "i64_fast"], "i32"],
  posix_fadvise: [["i32", "i64_fast", "i64_fast", "i32"], "i32"],
  sync_file_range: [["i32", "i64_fast", "i64_fast", "u32"], "i32"],
  statfs: [["ptr", "ptr"], "i32"],
  statx: [["i32", "ptr", "i32", "u32", "ptr"], "i32"],
  fstatfs: [["i32", "ptr"], "i32"],
  mkdirat: [["i32", "ptr", "u32"], "i32"],
  symlinkat: [["ptr", "i32", "ptr"], "i32"],
  linkat: [["i32", "ptr", "i32", "ptr", "i32"], "i32"],
  unlinkat: [["i32", "ptr", "i32"], "i32"],
  renameat2: [["i32", "ptr", "i32", "ptr", "u32"], "i32"],
  readlinkat: [["i32", "ptr", "ptr", "u64_fast"], "i64_fast"],
  fchmod: [["i32", "u32"], "i32"],
  fchmodat: [["i32", "ptr", "u32", "i32"], "i32"],
  fchown: [["i32", "u32", "u32"], "i32"],
  fchownat: [["i32", "ptr", "u32", "u32", "i32"], "i32"],
  utimensat: [["i32", "ptr", "ptr", "i32"], "i32"],
  futimens: [["i32", "ptr"], "i32"],
  getxattr: [["ptr", "ptr", "ptr", "u64_fast"], "i64_fast"],
  lgetxattr: [["ptr", "ptr", "ptr", "u64_fast"], "i64_fast"],
  fgetxattr: [["i32", "ptr", "ptr", "u64_fast"], "i64_fast"],
  lsetxattr: [["ptr", "ptr", "ptr", "u64_fast", "i32"], "i32"],
  fsetxattr: [["i32", "ptr", "ptr", "u64_fast", "i32"], "i32"],
  llistxattr: [["ptr", "ptr", "u64_fast"], "i64_fast"],
  flistxattr: [["i32", "ptr", "u64_fast"], "i64_fast"],
  lremovexattr: [["ptr", "ptr"], "i32"],
  fremovexattr: [["i32", "ptr"], "i32"],
  kill: [["i32", "i32"], "i32"],
  _exit: [["i32"], "void"],
  execve: [["ptr", "ptr", "ptr"], "i32"],
  prctl: [["i32", "u64_fast", "u64_fast", "u64_fast", "u64_fast"], "i32"],
  sysconf: [["i32"], "i64_fast"],
  tcgetattr: [["i32", "ptr"], "i32"],
  tcsetattr: [["i32", "i32", "ptr"], "i32"],
  cfmakeraw: [["ptr"], "void"],
  ioctl: [["i32", "u64_fast", "ptr"], "i32"],
  socket: [["i32", "i32", "i32"], "i32"],
  connect: [["i32", "ptr", "u32"], "i32"],
  shutdown: [["i32", "i32"], "i32"],
} as const satisfies Record<string, Signature>;

type Functions = { readonly [Name in keyof typeof signatures]: (...args: readonly unknown[]) => number };

interface Libc {
  readonly functions: Functions;
  readonly errno: () => number;
  readonly address: (bytes: Uint8Array) => number;
  readonly view: (address: number, length: number) => ArrayBuffer;
}

let loaded: Libc | undefined;

/** glibc's soname, then musl's on the two machines Strake runs on. */
const libraryNames = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

function load(): Libc {
  if (process.platform !== "linux")
    throw new StrakeError("SYS_UNSUPPORTED", `this operation needs Linux, this is ${process.platform}`, {
      hint: "building without RUN, pulling, pushing and inspecting work here; running containers needs Linux",
    });
  if (process.versions.bun === undefined)
    throw new StrakeError("SYS_UNSUPPORTED", "this operation calls the kernel and needs Bun; this is Node");
  // Asked for and not imported: the module exists only in Bun, and loading it costs nothing until the first call.
  const ffi = process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
  let failure: unknown;
  for (const library of libraryNames) {
    let functions: Functions;
    try {
      functions = lazyFunctions(ffi, library);
      functions.__errno_location();
    } catch (error) {
      failure ??= error;
      continue;
    }
    return {
      functions,
      errno: () => ffi.read.i32(functions.__errno_location() as never, 0),
      address: (bytes) => ffi.ptr(bytes) as number,
      view: (address, length) => ffi.toArrayBuffer(address as never, 0, length) as ArrayBuffer,
    };
  }
  throw new StrakeError("SYS_UNSUPPORTED", `none of ${libraryNames.join(", ")} can be loaded: ${failure}`, {
    // JavaScriptCore reserves addresses for its compiled code, and does without where it may not.
    ...(/\bJIT\b/.test(String(failure)) && {
      hint: "allow this process more address space (ulimit -v) and memory that can be executed (MemoryDenyWriteExecute, SELinux's execmem)",
    }),
  });
}

/**
 * Each function is bound when it is first used: binding costs 0.03 ms apiece, and a command uses a handful of the many. The library
 * objects are kept, as a collected one would take its functions with it.
 */
function lazyFunctions(ffi: typeof import("bun:ffi"), library: string): Functions {
  const kept: unknown[] = [];
  const functions = {};
  for (const [name, [args, returns]] of Object.entries(signatures)) {
    const bind = () => {
      const bound = ffi.dlopen(library, { [name]: { args: [...args], returns } } as never);
      kept.push(bound);
      const value = (bound.symbols as Record<string, unknown>)[name];
      Object.defineProperty(functions, name, { value });
      return value;
    };
    Object.defineProperty(functions, name, { get: bind, configurable: true });
  }
  return functions as Functions;
}

/** The C library, opened at the first call (0.2 ms). Throws `SYS_UNSUPPORTED` off Linux or outside Bun. */
export function libc(): Functions {
  loaded ??= load();
  return loaded.functions;
}

/** errno of the calling thread. Only meaningful directly after a call that returned -1. */
export function errno(): number {
  loaded ??= load();
  return loaded.errno();
}

/** Address of a buffer's first byte. The caller keeps the buffer alive until the call that uses it is over. */
export function addressOf(bytes: Uint8Array): number {
  loaded ??= load();
  return loaded.address(bytes);
}

/** The memory at an address, not copied. Nobody may touch it once it is unmapped, which ends the process. */
export function memoryAt(address: number, length: number): ArrayBuffer {
  loaded ??= load();
  return loaded.view(address, length);
}

/** Throws the SYS_* error when a call returned -1, else hands its result through. */
export function check(result: number, call: string, path?: string, hint?: string): number {
  if (result !== -1) return result;
  throw sysError(errno(), { call, path, hint });
}
