import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { compileSeccomp } from "../../sys/index.ts";
import type { RuntimeSpec, Seccomp } from "../spec/types.ts";
import type { Runtime } from "./runtime.ts";

/** crun(1): takes the filter program itself, in base64, in place of the specification's rules. */
const annotation = "run.oci.seccomp_bpf_data";

/**
 * The spec with its system call filter as a program, for a crun that takes one. Compiling the 360 rules for three architectures is half of what
 * starting a container costs (13 of 24 ms), every time; here it is done once. The rules are left out then, which spares crun reading
 * them (a tenth of a start); what stays refuses every call, should the program not be used after all. They stay as they are wherever the
 * program cannot be made, and for runtimes that know rules only.
 */
export function withCompiledSeccomp(
  spec: RuntimeSpec,
  runtime: Pick<Runtime, "name" | "path">,
  runRoot: string,
): RuntimeSpec {
  const { seccomp } = spec.linux;
  if (seccomp === undefined || runtime.name !== "crun") return spec;
  const folder = `${runRoot}/seccomp`;
  if (!takesPrograms(runtime.path, folder)) return spec;
  const program = compiled(seccomp, folder);
  if (program === "") return spec;
  return {
    ...spec,
    annotations: { ...spec.annotations, [annotation]: program },
    linux: { ...spec.linux, seccomp: { ...seccomp, syscalls: [] } },
  };
}

/** Whether this crun knows the annotation: it is among its strings. Asked once of each that is installed. */
function takesPrograms(path: string, folder: string): boolean {
  const { ino, size, mtimeMs } = statSync(path);
  const answer = remembered(`${folder}/crun-${ino}-${size}-${mtimeMs}`, () =>
    readFileSync(path).includes(annotation) ? "programs" : "rules",
  );
  return answer === "programs";
}

function compiled(seccomp: Seccomp, folder: string): string {
  const hash = new Bun.CryptoHasher("sha256").update(JSON.stringify(seccomp)).digest("hex");
  return remembered(`${folder}/${hash}`, () => {
    const program = compileSeccomp(seccomp);
    return program === undefined ? "" : Buffer.from(program).toString("base64");
  });
}

/** A text that is made once. The folder is below the run root, which others cannot enter: whoever writes here decides what containers may call. */
function remembered(path: string, make: () => string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    const text = make();
    mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
    return text;
  }
}
