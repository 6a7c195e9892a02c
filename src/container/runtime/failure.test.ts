import { expect, test } from "bun:test";
import { isRuntimeComplaint, lastMessage, startFailure } from "./failure.ts";

/** As on a machine where no right is missing. */
const failure = (program: string, output: string) => startFailure(program, output, () => undefined);

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
  expect(failure("nope", output)).toMatchObject({ code: "CONTAINER_COMMAND_NOT_FOUND", exitCode: 127 });
});

test.each(notExecutable)("126: %s", (output) => {
  expect(failure("x", output)).toMatchObject({
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
  expect(failure("x", output)).toMatchObject({ code: "CONTAINER_START_FAILED", exitCode: 125 });
});

test.each([
  "chdir `/nosuch`: No such file or directory",
  'exec failed: unable to start container process: chdir to cwd ("/nosuch") set in config.json failed: no such file or directory',
])("126 for a working directory that is not there: %s", (output) => {
  const error = failure("ls", output);
  expect(error).toMatchObject({ code: "CONTAINER_PATH_INVALID", exitCode: 126 });
  expect(error.message).toMatch(/^cannot work in "\/nosuch": no such file/i);
});

test("says what is wrong in our words", () => {
  const messages = [...notFound.slice(0, 2), ...notExecutable].map((said) => failure("nope", said).message);
  expect(messages).toEqual([
    '"nope" is in no folder of the container\'s PATH',
    '"nope" is in no folder of the container\'s PATH',
    '"nope" cannot be executed: Permission denied',
    '"nope" cannot be executed: Operation not permitted',
    '"nope" cannot be executed: Exec format error',
    '"nope" cannot be executed: permission denied',
  ]);
  expect(failure("/bin/x", notFound[2]!).message).toContain("or what it needs to start");
  const coloured = `${String.fromCharCode(27)}[1;31mit broke${String.fromCharCode(27)}[0m`;
  expect(lastMessage(coloured)).toBe("it broke");
});

test.each([
  ["-p", "before the image"],
  ["cd", "sh -c 'cd ...'"],
  ["ls -l", 'sh -c "ls -l"'],
  ["nope", "ENTRYPOINT"],
])("a command %j that is no program: %s", (program, hint) => {
  const said = `executable file \`${program}\` not found in $PATH: No such file or directory`;
  expect(failure(program, said).hint).toContain(hint);
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

test("crun 1.21 says so of a folder", () => {
  const output = "the path `/etc` is not a regular file: Operation not permitted";
  expect(failure("/etc", output)).toMatchObject({
    code: "CONTAINER_COMMAND_NOT_EXECUTABLE",
    exitCode: 126,
  });
});

test("a right that is missing is told in place of what the runtime came to first", () => {
  const lacks = () => "this root may not mount";
  for (const said of [
    "creating cgroup directory `/x`: Read-only file system",
    "open executable: Permission denied",
  ])
    expect(startFailure("x", said, lacks)).toMatchObject({
      code: "CONTAINER_RIGHTS",
      message: `RUN and containers need root, and this root may not mount: ${said}`,
    });
  expect(startFailure("nope", notFound[0]!, lacks).code).toBe("CONTAINER_COMMAND_NOT_FOUND");
});
