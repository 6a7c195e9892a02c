import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AWSServices, roleARN, startAWSServices } from "../../../../../test/support/aws-services.ts";
import { fromProfile } from "./profile.ts";
import { profileRegion } from "./profiles.ts";
import type { Environment, Found } from "./source.ts";

const keys = { accessKeyId: "AKIA", secretAccessKey: "very/secret+key=" };
const keyLines = `aws_access_key_id = ${keys.accessKeyId}\naws_secret_access_key = ${keys.secretAccessKey}\n`;
let aws: AWSServices;
let home: string;
beforeEach(() => {
  aws = startAWSServices(keys);
  home = mkdtempSync(join(tmpdir(), "strake-profile-"));
  mkdirSync(join(home, ".aws"));
});
afterEach(async () => {
  await aws[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});
const write = (name: "credentials" | "config", text: string) => writeFileSync(join(home, ".aws", name), text);
const environment = (more: Environment): Environment => ({
  ...{ HOME: home, AWS_ENDPOINT_URL_STS: aws.endpoint, AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.endpoint },
  ...more,
});
const find = (more: Environment = {}) => fromProfile(environment(more), "eu-west-1").find();
const of = async (profile: string, more: Environment = {}) =>
  ((await find({ AWS_PROFILE: profile, ...more })) as Found).credentials;

test("keys of both files, those of `credentials` first; a changed file counts", async () => {
  write("config", "[default]\nregion = eu-south-1\naws_access_key_id = old\naws_secret_access_key = old\n");
  expect(await find()).toMatchObject({ credentials: { accessKeyId: "old" }, recheck: 60_000 });
  write("credentials", `[default]\n${keyLines}[other]\n${keyLines}aws_session_token = t\n`);
  expect(await find()).toMatchObject({ credentials: { ...keys, sessionToken: undefined } });
  expect(await of("other")).toMatchObject({ ...keys, sessionToken: "t" });
  expect(await profileRegion(environment({}))).toBe("eu-south-1");
  expect(await profileRegion(environment({ AWS_PROFILE: "other" }))).toBeUndefined();
});

test("which section of which file is a profile", async () => {
  write("config", `[profile default]\n${keyLines}[default]\naws_access_key_id = no\n[bare]\n${keyLines}`);
  write("credentials", `[profile odd]\n${keyLines}`);
  expect(await find()).toMatchObject({ credentials: keys });
  for (const name of ["bare", "odd"]) await expect(of(name)).rejects.toThrow(`there is no profile ${name}`);
  write("config", `[profile "my team"]\n${keyLines}`);
  expect(await of("my team")).toMatchObject(keys);
});

test("files with other names", async () => {
  const [one, two] = [join(home, "one"), join(home, "two")];
  writeFileSync(one, `[default]\n${keyLines}`);
  writeFileSync(two, "[profile work]\naws_access_key_id = w\naws_secret_access_key = w\n");
  const env = { AWS_SHARED_CREDENTIALS_FILE: one, AWS_CONFIG_FILE: two };
  expect(await find(env)).toMatchObject({
    credentials: { ...keys, source: `profile default of ${one} and ${two}` },
  });
  expect(await of("work", env)).toMatchObject({ accessKeyId: "w" });
});

test("no file, no profile, no keys: the next source, unless somebody named a profile", async () => {
  const files = `${home}/.aws/credentials and no ${home}/.aws/config`;
  expect(await find()).toEqual({ absent: `there is no ${files}` });
  await expect(find({ AWS_PROFILE: "work" })).rejects.toThrow(`there is no ${files}`);
  write("config", "[default]\nregion = eu-west-1\n");
  expect(await find()).toEqual({ absent: `profile default of ${home}/.aws/config has no keys` });
  await expect(of("default")).rejects.toThrow("profile default of");
  await expect(of("work")).rejects.toThrow(`there is no profile work in ${home}/.aws/config`);
});

test("what is wrong is said without what is in the file", async () => {
  write("credentials", `[half]\naws_secret_access_key = ${keys.secretAccessKey}\n[default]\n${keyLines}`);
  const error = await of("half").catch((thrown) => thrown);
  expect(error.message).toContain("has one of aws_access_key_id and aws_secret_access_key alone");
  expect(error.message).not.toContain(keys.secretAccessKey);
  rmSync(join(home, ".aws/credentials"));
  mkdirSync(join(home, ".aws/credentials"));
  await expect(find()).rejects.toThrow(`${home}/.aws/credentials cannot be read: EISDIR`);
});

test("a role by web identity, and one that another profile takes, directly or over a third", async () => {
  const token = join(home, "token");
  writeFileSync(token, aws.identity);
  const role = `role_arn = ${roleARN}\n`;
  write("credentials", `[base]\n${keyLines}[self]\n${keyLines}`);
  write(
    "config",
    `[profile web]\n${role}web_identity_token_file = ${token}\nrole_session_name = web-session
[profile direct]\n${role}source_profile = base\nexternal_id = e\nduration_seconds = 900\nregion = eu-north-1
[profile self]\n${role}source_profile = self
[profile over]\n${role}source_profile = self
[profile instance]\n${role}credential_source = Ec2InstanceMetadata
[profile environment]\n${role}credential_source = Environment
`,
  );
  const got = async (profile: string, more: Environment = {}) => {
    aws.asked.length = 0;
    const found = await of(profile, more);
    expect(found).toMatchObject({ ...keys, sessionToken: aws.issued.at(-1), source: `the role ${roleARN}` });
    expect(found.expiration).toBeGreaterThan(Date.now());
    return aws.asked;
  };
  expect(await got("web")).toEqual(["AssumeRoleWithWebIdentity"]);
  for (const profile of ["direct", "self"]) expect(await got(profile)).toEqual(["AssumeRole"]);
  expect(await got("over")).toEqual(["AssumeRole", "AssumeRole"]);
  expect(await got("instance")).toEqual(["imds token", "imds roles", "imds role", "AssumeRole"]);
  const env = { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey };
  expect(await got("environment", env)).toEqual(["AssumeRole"]);
  await expect(of("environment")).rejects.toThrow(
    "profile environment has credential_source Environment, but AWS_ACCESS_KEY_ID is not set",
  );
});

test("a program of a profile", async () => {
  const path = join(home, "keys");
  writeFileSync(path, `#!/bin/sh\necho '{"Version":1,"AccessKeyId":"p","SecretAccessKey":"s"}'\n`);
  chmodSync(path, 0o755);
  write("config", `[default]\ncredential_process = "${path}" --for registry\n`);
  expect(await find()).toEqual({
    credentials: {
      ...{ accessKeyId: "p", secretAccessKey: "s", sessionToken: undefined, expiration: undefined },
      source: `profile default of ${home}/.aws/config`,
    },
  });
});

test("what is not supported, or leads nowhere, is said", async () => {
  write(
    "config",
    `[profile sso]\nsso_session = s\nsso_account_id = 1
[profile mfa]\nrole_arn = ${roleARN}\nsource_profile = sso\nmfa_serial = arn:aws:iam::1:mfa/ann
[profile alone]\nrole_arn = ${roleARN}
[profile one]\nrole_arn = ${roleARN}\nsource_profile = two
[profile two]\nrole_arn = ${roleARN}\nsource_profile = one
[profile lost]\nrole_arn = ${roleARN}\nsource_profile = gone
[profile empty]\nrole_arn = ${roleARN}\nsource_profile = void
[profile void]\nregion = x
`,
  );
  for (const [profile, message] of [
    ["sso", "has sso_session: a login by browser is not supported"],
    ["mfa", "has mfa_serial: a service has nobody to type the code"],
    ["alone", "has role_arn without source_profile"],
    ["one", "lead in a circle"],
    ["lost", "profile lost has source_profile gone, which is not there"],
    ["empty", "profile void, the source_profile of empty, has no keys"],
  ] as const)
    await expect(of(profile)).rejects.toThrow(message);
  expect(aws.asked).toEqual([]);
});
