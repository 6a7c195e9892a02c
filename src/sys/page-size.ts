import { libc } from "./libc.ts";

/** _SC_PAGESIZE */
const pageSizeName = 30;

let known: number | undefined;

/** Bytes of a page of this machine's memory: 4096 on x86_64; arm64 has kernels with 16 and 64 KiB. */
export function pageSize(): number {
  known ??= libc().sysconf(pageSizeName);
  return known;
}
