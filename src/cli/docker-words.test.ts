import { expect, test } from "bun:test";
import { StrakeError, toStrakeError } from "../errors/index.ts";
import { dockerHint } from "./docker-words.ts";
import { findCommand } from "./find-command.ts";
import { parseWords } from "./parse.ts";
import { specs } from "./spec/all.ts";

function hintFor(line: string): string | undefined {
  const words = line.split(" ");
  try {
    const { spec, rest } = findCommand(specs, words);
    parseWords(spec, rest);
  } catch (thrown) {
    const error = toStrakeError(thrown);
    expect(error.code).toBe("USAGE");
    return dockerHint(error, words) ?? error.hint;
  }
  throw new StrakeError("INTERNAL", "the words were taken");
}

test.each([
  ["scan x", "docker has it"],
  ["machine ls", "on Linux itself"],
  ["prune", "strake image prune"],
  ["swarm init", "one machine"],
  ["-H tcp://x ps", "no daemon"],
  ["--debug ps", "behind the command"],
  ["run --isolation x busybox", "docker has it"],
  ["run --net=host busybox", "write --network"],
  ["build --rm --force-rm .", "leaves no container behind"],
  ["build --compress .", "leave it out"],
  ["run --cpu-quota 5 busybox", "docker has it"],
  ["system prune -af --volumes", "strake image prune"],
  ["run -rm busybox", "did you mean --rm?"],
  ["run --detached busybox", "did you mean --detach?"],
  ["load x.tar", "strake load -i x.tar"],
  ["run -a stdin busybox", "unless -d is given"],
  ["copy --all a b", "all platforms are copied"],
  ["copy --src-tls-verify=false a b", "--insecure"],
  ["copy --dest-creds=u:p a b", "strake login"],
  ["tags --authfile x a", "REGISTRY_AUTH_FILE=FILE"],
  ["copy -r a b", "write --referrers"],
  ["buid .", "did you mean strake build?"],
])("strake %s: %s", (line, hint) => {
  expect(hintFor(line)).toContain(hint);
});
