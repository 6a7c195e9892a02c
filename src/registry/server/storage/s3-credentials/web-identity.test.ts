import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AWSServices, roleARN, startAWSServices } from "../../../../../test/support/aws-services.ts";
import { stsEndpoint } from "./sts.ts";
import { fromWebIdentity } from "./web-identity.ts";

const keys = { accessKeyId: "AKIA", secretAccessKey: "very-secret" };
let aws: AWSServices;
let folder: string;
let file: string;
beforeEach(() => {
  aws = startAWSServices(keys);
  folder = mkdtempSync(join(tmpdir(), "strake-identity-"));
  file = join(folder, "token");
  writeFileSync(file, `${aws.identity}\n`);
});
afterEach(async () => {
  await aws[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
const find = (env = {}) =>
  fromWebIdentity(
    ...([
      {
        AWS_WEB_IDENTITY_TOKEN_FILE: file,
        AWS_ROLE_ARN: roleARN,
        AWS_ENDPOINT_URL_STS: aws.endpoint,
        ...env,
      },
      "eu-west-1",
    ] as const),
  ).find();

test("the role's keys, with the token of the file as it is now", async () => {
  expect(await find()).toMatchObject({
    credentials: { ...keys, sessionToken: aws.issued[0], source: `the role ${roleARN}` },
  });
  aws.identity = "other.claims.signature";
  const error = await find().catch((thrown) => thrown);
  expect(error.message).toBe(
    `STS at ${new URL(aws.endpoint).host} answered 400 for ${roleARN} InvalidIdentityToken: the token … is not "valid"`,
  );
  writeFileSync(file, aws.identity);
  expect(await find()).toHaveProperty("credentials");
});

test("half of it, a file that is not there or empty, a name that is none", async () => {
  expect(await find({ AWS_WEB_IDENTITY_TOKEN_FILE: "" })).toEqual({
    absent: "AWS_WEB_IDENTITY_TOKEN_FILE is not set",
  });
  await expect(find({ AWS_ROLE_ARN: "" })).rejects.toThrow("AWS_ROLE_ARN is not");
  await expect(find({ AWS_WEB_IDENTITY_TOKEN_FILE: `${folder}/no` })).rejects.toThrow(
    "/no cannot be read: ENOENT",
  );
  writeFileSync(file, "\n");
  await expect(find()).rejects.toThrow("is empty");
  writeFileSync(file, aws.identity);
  await expect(find({ AWS_ROLE_SESSION_NAME: "a b" })).rejects.toThrow("ValidationError");
});

test("STS that fails for a moment is asked again, one that is away is named", async () => {
  const name = "AssumeRoleWithWebIdentity";
  const passing = [
    new Response("", { status: 503 }),
    new Response("<Error><Code>IDPCommunicationError</Code></Error>", { status: 400 }),
  ];
  aws.instead.set(name, () => {
    if (passing.length === 1) aws.instead.delete(name);
    return passing.shift()!;
  });
  expect(await find()).toHaveProperty("credentials");
  await expect(find({ AWS_ENDPOINT_URL_STS: "http://127.0.0.1:1" })).rejects.toThrow(
    "STS at 127.0.0.1:1 cannot be reached",
  );
  const location = `${aws.endpoint}/container`;
  aws.instead.set(name, () => new Response("", { status: 307, headers: { location } }));
  await expect(find()).rejects.toThrow();
  expect(aws.asked).not.toContain("container");
});

test("where STS is", () => {
  expect(stsEndpoint({}, "eu-west-1").href).toBe("https://sts.eu-west-1.amazonaws.com/");
  expect(stsEndpoint({}, "cn-north-1").href).toBe("https://sts.cn-north-1.amazonaws.com.cn/");
  expect(stsEndpoint({ AWS_ENDPOINT_URL: "http://minio:9000" }, "x").href).toBe("http://minio:9000/");
  const both = { AWS_ENDPOINT_URL: "http://minio:9000", AWS_ENDPOINT_URL_STS: "https://sts.example" };
  expect(stsEndpoint(both, "x").href).toBe("https://sts.example/");
  expect(() => stsEndpoint({ AWS_ENDPOINT_URL_STS: "sts.example" }, "x")).toThrow("no http address");
});
