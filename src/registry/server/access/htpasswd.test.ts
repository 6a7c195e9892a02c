import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Htpasswd, htpasswdLine } from "./htpasswd.ts";

const folder = mkdtempSync(join(tmpdir(), "strake-htpasswd-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const file = (content: string) => {
  const path = join(folder, String(files++));
  writeFileSync(path, content);
  return path;
};
/** The example of Apache's own documentation: htpasswd -nbB NAME myPassword. */
const apache = "ann:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC";

test("lines that we make open the door, and only with their password", async () => {
  const users = new Htpasswd(file(`${await htpasswdLine({ name: "ann", password: "grüße ☃" }, 4)}\n`));
  expect(await users.verify("ann", "grüße ☃")).toBe(true);
  for (const wrong of ["grüße", "", "grüße ☃ "]) expect(await users.verify("ann", wrong)).toBe(false);
  expect(await users.verify("bob", "grüße ☃")).toBe(false);
});

test("comments, empty lines and Windows' line ends are read; $2y$ is bcrypt as well", async () => {
  const line = await htpasswdLine({ name: "bob", password: "b" }, 4);
  const users = new Htpasswd(file(`# users\r\n\r\n${apache}\r\n${line}\r\n`));
  expect(await users.verify("ann", "myPassword")).toBe(true);
  expect(await users.verify("ann", "mypassword")).toBe(false);
  expect(await users.verify("bob", "b")).toBe(true);
});

test.each([
  ["ann:secret", "is not stored as bcrypt"],
  ["ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "is not stored as bcrypt"],
  ["ann:$apr1$abc$def", "is not stored as bcrypt"],
  ["ann", "missing or malformed"],
  [":x", "missing or malformed"],
  ["robot+ci:x", "missing or malformed"],
  [`${apache}\n${apache}`, "is there twice"],
])("%j is refused with its line", (content, message) => {
  expect(() => new Htpasswd(file(`# one\n${content}\n`))).toThrow(message);
  expect(() => new Htpasswd(file(`# one\n${content}\n`))).toThrow(/:[23]: /);
});

test("a file that is taken away lets nobody in", async () => {
  const path = file(`${await htpasswdLine({ name: "ann", password: "a" }, 4)}\n`);
  const users = new Htpasswd(path);
  expect(await users.verify("ann", "a")).toBe(true);
  expect(users.isProven("ann", "a")).toBe(true);
  unlinkSync(path);
  expect(users.isProven("ann", "a")).toBe(false);
  expect(await users.verify("ann", "a")).toBe(false);
});

test.each([
  [{ name: "a:b", password: "x" }, undefined],
  [{ name: "robot+ci", password: "x" }, undefined],
  [{ name: "", password: "x" }, undefined],
  [{ name: "ann", password: "x".repeat(73) }, undefined],
  [{ name: "ann", password: "ü".repeat(37) }, undefined],
  [{ name: "ann", password: "a\0b" }, undefined],
  [{ name: "ann", password: "x" }, 3],
  [{ name: "ann", password: "x" }, 4.5],
  [{ name: "ann", password: "x" }, 40],
])("no line is made of %j at cost %p", async (user, cost) => {
  await expect(htpasswdLine(user, cost)).rejects.toMatchObject({ code: "USAGE" });
});
