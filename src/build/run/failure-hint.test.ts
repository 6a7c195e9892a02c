import { expect, test } from "bun:test";
import { failureHint } from "./failure-hint.ts";

const hint = (command: string, status: number, output: string) =>
  failureHint({ args: ["/bin/sh", "-c", command], status, output });

test.each([
  ["['ls', '-l']", 127, "/bin/sh: [ls,: not found", 'RUN ["ls", "-l"]'],
  ["./run.sh", 127, "/bin/sh: ./run.sh: /bin/sh\r: not found", "carriage return"],
  ["bash x", 127, "x: line 2: $'\\r': command not found", "carriage return"],
  ["./run.sh", 127, "/bin/sh: ./run.sh: not found", "Windows"],
  ["bash x", 126, "bash: ./x: /bin/sh^M: bad interpreter: No such file", "carriage return"],
  ["echo a &&", 2, "/bin/sh: syntax error: unexpected end of file", "backslash"],
  ["sudo make", 127, "/bin/sh: 1: sudo: not found", "leave sudo out"],
  ["apt-get install -y nginx", 100, "E: Unable to locate package nginx", "apt-get update in the same RUN"],
  ["apt-get update && apt-get install -y ngnix", 100, "E: Unable to locate package ngnix", "name is right"],
  ["apt-get install x", 1, "Do you want to continue? [Y/n] Abort.", "apt-get install -y"],
  ["source env", 127, "/bin/sh: 1: source: not found", "not bash"],
  ["/app/run.sh", 126, "/bin/sh: 1: /app/run.sh: Permission denied", "--chmod=755"],
  ["wget x", 1, "wget: bad address 'x'", "--network host"],
  ["apt-get update", 100, "W: Temporary failure resolving 'deb.debian.org'", "--network host"],
  ["curl x", 127, "/bin/sh: 1: curl: not found", "curl is not in the image"],
  ["x && make all", 127, "bash: line 1: make: command not found", "make is not in the image"],
  ["make", 137, "", "memory"],
])("%s: ends with %d and %j", (command, status, said, expected) => {
  expect(hint(command, status, said)).toContain(expected);
});

test.each([
  ["./x", 127, "x: symbol not found"],
  ["curl", 3, "10%\r20%\r100%\r\n"],
  ["exit 3", 3, "something"],
  ["[ 'a' = 'b' ]", 1, ""],
  ["touch /root/x", 1, "touch: /root/x: Permission denied"],
])("%s says nothing", (command, status, said) => {
  expect(hint(command, status, said)).toBeUndefined();
});
