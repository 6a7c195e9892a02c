import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultSeccomp } from "../spec/seccomp.ts";
import type { RuntimeSpec } from "../spec/types.ts";
import { findProgram } from "./runtime.ts";
import { withCompiledSeccomp } from "./seccomp-cache.ts";

const home = mkdtempSync(join(tmpdir(), "strake-seccomp-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const crun = findProgram("crun");
if (crun === undefined) console.log("skipped: crun is not installed");

const seccomp = defaultSeccomp("amd64", ["CAP_CHOWN"])!;
/** Of a specification only what is looked at. */
const spec = { annotations: { a: "b" }, linux: { cgroupsPath: "/x", seccomp } } as unknown as RuntimeSpec;
let runRoots = 0;
const newRunRoot = () => join(home, `run${runRoots++}`);

test.skipIf(crun === undefined)(
  "crun gets the program, and rules that refuse everything should it not use it",
  () => {
    const runRoot = newRunRoot();
    const runtime = { name: "crun", path: crun! } as const;
    const first = withCompiledSeccomp(spec, runtime, runRoot);
    expect(first.linux).toEqual({ ...spec.linux, seccomp: { ...seccomp, syscalls: [] } });
    expect(first.linux.seccomp!.defaultAction).toBe("SCMP_ACT_ERRNO");
    expect(first.annotations!.a).toBe("b");
    const program = Buffer.from(first.annotations!["run.oci.seccomp_bpf_data"]!, "base64");
    // Instructions of struct sock_filter, 8 bytes each.
    expect(program.length % 8).toBe(0);
    expect(program.length).toBeGreaterThan(1000);
    const kept = readdirSync(join(runRoot, "seccomp")).sort();
    expect(withCompiledSeccomp(spec, runtime, runRoot)).toEqual(first);
    expect(readdirSync(join(runRoot, "seccomp")).sort()).toEqual(kept);
  },
);

test.skipIf(crun === undefined)("other rules, another program", () => {
  const runRoot = newRunRoot();
  const runtime = { name: "crun", path: crun! } as const;
  const programOf = (rules: RuntimeSpec) =>
    withCompiledSeccomp(rules, runtime, runRoot).annotations!["run.oci.seccomp_bpf_data"];
  const more = defaultSeccomp("amd64", ["CAP_SYS_ADMIN"])!;
  expect(programOf({ ...spec, linux: { ...spec.linux, seccomp: more } })).not.toBe(programOf(spec)!);
});

test.skipIf(crun === undefined)(
  "a crun that knows no programs gets the rules, before and after it is replaced",
  () => {
    const runRoot = newRunRoot();
    const path = join(home, "crun");
    const bytes = Buffer.from(readFileSync(crun!));
    bytes.write("run.oci.none_such", bytes.indexOf("run.oci.seccomp_bpf_data"));
    writeFileSync(path, bytes);
    const runtime = { name: "crun", path } as const;
    for (const _ of [1, 2]) expect(withCompiledSeccomp(spec, runtime, runRoot)).toBe(spec);
    rmSync(path);
    copyFileSync(crun!, path);
    expect(withCompiledSeccomp(spec, runtime, runRoot).linux.seccomp!.syscalls).toEqual([]);
  },
);

test("runc gets the rules, and no filter stays none", () => {
  const runRoot = newRunRoot();
  expect(withCompiledSeccomp(spec, { name: "runc", path: "/usr/sbin/runc" }, runRoot)).toBe(spec);
  const open = { linux: {} } as unknown as RuntimeSpec;
  expect(withCompiledSeccomp(open, { name: "crun", path: "/usr/bin/crun" }, runRoot)).toBe(open);
});
