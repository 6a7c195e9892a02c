import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { syscallNumbers } from "./syscall.ts";

/** The kernel's own lists; arm64 has the generic one. Of linux-libc-dev. */
const headers = {
  x64: ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"],
  arm64: ["/usr/include/asm-generic/unistd.h"],
};

/** Newer than the headers of Debian 12, the same everywhere since Linux 5.1. */
const newer = new Set(["cachestat"]);

for (const [column, machine] of (["x64", "arm64"] as const).entries()) {
  const path = headers[machine].find((file) => existsSync(file));
  if (path === undefined)
    console.log(`skipped: system call numbers of ${machine}: linux-libc-dev is not installed`);
  test.skipIf(path === undefined)(`system call numbers of ${machine} are the kernel's`, () => {
    const known = new Map<string, number>();
    // The generic list calls those that differ on 32-bit machines __NR3264_NAME.
    for (const [, name, number] of readFileSync(path!, "utf8").matchAll(
      /^#define __NR(?:3264)?_(\w+) +(\d+)$/gm,
    ))
      if (!known.has(name!)) known.set(name!, Number(number));
    const missing: string[] = [];
    for (const [name, numbers] of Object.entries<readonly number[]>(syscallNumbers)) {
      if (known.has(name)) expect([name, numbers[column]]).toEqual([name, known.get(name)]);
      else missing.push(name);
    }
    expect(missing.filter((name) => !newer.has(name))).toEqual([]);
  });
}
