import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { compileSeccomp } from "../../sys/index.ts";
import type { RuntimeSpec, Seccomp } from "../spec/types.ts";
import type { Runtime } from "./runtime.ts";

/** crun(1): takes the filter program itself, in base64, in place of the specification's rules. */
const annotation = "run.oci.seccomp_bpf_data";

/**
 * The spec with its system call filter also as a program, for crun. Compiling the 360 rules for three architectures is half of
 * what starting a container costs (13 of 24 ms), every time; here it is done once. The rules stay in the spec: they
 * count wherever the program cannot be made.
 */
export function withCompiledSeccomp(spec: RuntimeSpec, runtime: Runtime, runRoot: string): RuntimeSpec {
  const { seccomp } = spec.linux;
  if (seccomp === undefined || runtime.name !== "crun") return spec;
  const program = compiled(seccomp, `${runRoot}/seccomp`);
  return program === "" ? spec : { ...spec, annotations: { ...spec.annotations, [annotation]: program } };
}

/** The folder is below the run root, which others cannot enter: whoever writes here decides what containers may call. */
function compiled(seccomp: Seccomp, folder: string): string {
  const path = `${folder}/${new Bun.CryptoHasher("sha256").update(JSON.stringify(seccomp)).digest("hex")}`;
  try {
    return readFileSync(path, "latin1");
  } catch {
    const program = compileSeccomp(seccomp);
    const text = program === undefined ? "" : Buffer.from(program).toString("base64");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
    return text;
  }
}
