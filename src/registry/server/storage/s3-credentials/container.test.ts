import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AWSServices, startAWSServices } from "../../../../../test/support/aws-services.ts";
import { containerURL, fromContainer } from "./container.ts";

const keys = { accessKeyId: "AKIA", secretAccessKey: "very-secret" };
let aws: AWSServices;
let folder: string;
beforeEach(() => {
  aws = startAWSServices(keys);
  folder = mkdtempSync(join(tmpdir(), "strake-container-"));
});
afterEach(async () => {
  await aws[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
const find = (env = {}) =>
  fromContainer({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.endpoint}/container`, ...env }).find();

test("keys from the agent, by a token that is read from its file each time", async () => {
  const file = join(folder, "token");
  const env = { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file, AWS_CONTAINER_AUTHORIZATION_TOKEN: "stale" };
  writeFileSync(file, `${aws.identity}\n`);
  expect(await find(env)).toMatchObject({ credentials: { ...keys, sessionToken: aws.issued[0] } });
  aws.identity = "another";
  await expect(find(env)).rejects.toThrow("answered 403 AccessDenied: wrong token");
  writeFileSync(file, "another");
  expect(await find(env)).toMatchObject({ credentials: { ...keys, sessionToken: aws.issued[1] } });
  rmSync(file);
  await expect(find(env)).rejects.toThrow(
    `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ${file} cannot be read: ENOENT`,
  );
  expect(await find({ AWS_CONTAINER_AUTHORIZATION_TOKEN: "another" })).toHaveProperty("credentials");
});

test("what the agent says is told without our token", async () => {
  const env = { AWS_CONTAINER_AUTHORIZATION_TOKEN: "the-token" };
  const said = JSON.stringify({ message: "who is\nthe-token?" });
  aws.instead.set("container", () => new Response(said, { status: 400 }));
  await expect(find(env)).rejects.toThrow(/answered 400 who is …\?$/);
  await expect(find({ AWS_CONTAINER_AUTHORIZATION_TOKEN: "a\r\nb: c" })).rejects.toThrow("not one line");
  aws.instead.set("container", () =>
    Response.json({ AccessKeyId: "a", SecretAccessKey: "b", Expiration: "soon" }),
  );
  await expect(find(env)).rejects.toThrow("an Expiration that is no time");
  aws.instead.set("container", () => new Response("x".repeat(1 << 20)));
  await expect(find(env)).rejects.toThrow("too long");
});

test("where credentials of a container may come from", () => {
  const full = (url: string) => containerURL({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url })?.href;
  const relative = (path: string) => containerURL({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: path })?.href;
  expect(containerURL({})).toBeUndefined();
  expect(relative("/v2/credentials/x?y")).toBe("http://169.254.170.2/v2/credentials/x?y");
  for (const path of ["v2", "@evil.example/", ".evil.example/", ":80@evil.example/"])
    expect(() => relative(path)).toThrow("is no path");
  for (const url of [
    ...["http://localhost:80/a", "http://127.0.0.1:8080/a", "http://127.9.9.9/a", "http://[::1]:1/a"],
    ...["http://169.254.170.2/a", "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/a"],
    "https://anybody.example/a",
  ])
    expect(full(url)).toBe(new URL(url).href);
  for (const url of [
    ...[
      "http://127.0.0.1.evil.example/",
      "http://127.evil.example/",
      "http://169.254.169.254/",
      "http://10.0.0.1/",
    ],
    ...["http://evil.example/", "http://[fd00:ec2::24]/", "http://localhost.evil.example/"],
  ])
    expect(() => full(url)).toThrow("without TLS");
  for (const url of ["ftp://localhost/", "localhost/a", "file:///etc/passwd"])
    expect(() => full(url)).toThrow("no http address");
});
