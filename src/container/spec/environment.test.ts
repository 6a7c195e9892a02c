import { expect, test } from "bun:test";
import { containerEnvironment, parseEnvFile } from "./environment.ts";

test("PATH, HOSTNAME and TERM come first; the user's values replace the image's in their place", () => {
  const env = containerEnvironment({
    hostname: "box",
    terminal: true,
    image: ["PATH=/app/bin", "LANG=C", "A=image"],
    user: ["A=user", "B="],
  });
  expect(env).toEqual(["PATH=/app/bin", "HOSTNAME=box", "TERM=xterm", "LANG=C", "A=user", "B="]);
});

test("a name alone takes our value, or removes the image's when we have none", () => {
  const env = containerEnvironment({ image: ["GONE=1"], user: ["TOKEN", "GONE"], inherit: { TOKEN: "t=1" } });
  expect(env.slice(1)).toEqual(["TOKEN=t=1"]);
});

test("nothing else of our environment enters the container (CVE-2021-3602)", () => {
  process.env.STRAKE_TEST_SECRET = "leak";
  expect(containerEnvironment({}).join()).not.toContain("leak");
  delete process.env.STRAKE_TEST_SECRET;
});

test("an env file has comments, blank lines and values with spaces", () => {
  expect(parseEnvFile("\uFEFF# c\n\nA=1\r\n  B=two words # kept\nC\n")).toEqual([
    "A=1",
    "B=two words # kept",
    "C",
  ]);
});
