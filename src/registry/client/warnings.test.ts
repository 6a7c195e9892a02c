import { expect, test } from "bun:test";
import { impatient, serve } from "./fake-registry.test-support.ts";
import { warningsIn } from "./http/warnings.ts";

test("what a registry warns of is told, once", async () => {
  using server = await serve((request, response) => {
    const warning = ['299 - "this registry closes in May"', '110 - "stale"'];
    if (request.url!.includes("/b/")) warning.push('299 - "the tag \\"b\\" is old"');
    response.writeHead(200, { Warning: warning }).end('{"tags":[]}');
  });
  const told: string[] = [];
  using registry = await impatient(server.host, { onWarning: (...words) => told.push(words.join(": ")) });
  for (const path of ["a", "b", "b"]) await Array.fromAsync(registry.repository(path).tags());
  expect(told).toEqual([`${server.host}: this registry closes in May`, `${server.host}: the tag "b" is old`]);
});

test("a warning is a stranger's text", () => {
  expect(warningsIn('299 - "a\u001b[31mb\\"c", 299 x:80 "d, e", 199 - "f"')).toEqual(['a [31mb"c', "d, e"]);
  for (const odd of [undefined, "", "299", '299 - "', '299 -"x"', `299 - "${"x".repeat(5000)}"`])
    expect(warningsIn(odd)).toEqual([]);
});
