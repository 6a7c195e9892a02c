import { expect, test } from "bun:test";
import { isRuntimeComplaint, lastMessage, startFailure } from "./failure.ts";

// What crun 1.8.1 and runc 1.1.5 print.
const notFound = [
  "executable file `nope` not found in $PATH: No such file or directory",
  'time="2026-11-21T04:19:08Z" level=error msg="runc run failed: unable to start container process: exec: \\"nope\\": executable file not found in $PATH"',
  "exec container process (missing dynamic library?) `/bin/x`: No such file or directory",
  "exec /bin/badinterp: no such file or directory",
];
const notExecutable = [
  "open executable: Permission denied",
  "open executable: Operation not permitted",
  "exec container process `/bin/x`: Exec format error",
  'runc run failed: unable to start container process: exec: "/etc/passwd": permission denied',
];

test.each(notFound)("127: %s", (output) => {
  expect(startFailure("nope", output)).toMatchObject({ code: "CONTAINER_COMMAND_NOT_FOUND", exitCode: 127 });
});

test.each(notExecutable)("126: %s", (output) => {
  expect(startFailure("x", output)).toMatchObject({
    code: "CONTAINER_COMMAND_NOT_EXECUTABLE",
    exitCode: 126,
  });
});

test.each([
  "mount `/nope` to `mnt`: No such file or directory",
  "",
  "sethostname: Operation not permitted",
  'level=error msg="container_linux.go: applying cgroup configuration: permission denied"',
])("125 for what is not about the program: %s", (output) => {
  expect(startFailure("x", output)).toMatchObject({ code: "CONTAINER_START_FAILED", exitCode: 125 });
});

test("the last message is without decoration", () => {
  expect(lastMessage('one\ntime="x" level=error msg="it \\"broke\\""\n')).toBe('it "broke"');
});

test("a program's own output is not taken for the runtime's", () => {
  expect(isRuntimeComplaint("executable file `x` not found in $PATH: No such file or directory\n")).toBe(
    true,
  );
  expect(isRuntimeComplaint("sh: nope: not found\n")).toBe(false);
  expect(isRuntimeComplaint("exec container process `/x`: no\nand more\n")).toBe(false);
});
