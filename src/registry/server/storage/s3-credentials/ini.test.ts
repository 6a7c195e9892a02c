import { expect, test } from "bun:test";
import { parseINI } from "./ini.ts";

const plain = (text: string) =>
  Object.fromEntries([...parseINI(text)].map(([name, settings]) => [name, Object.fromEntries(settings)]));

test("sections, settings, comments and nested settings of AWS's shared files", () => {
  expect(
    plain(`\ufeff# first
[default]\r
AWS_Access_Key_ID = AKIA   # of ann
aws_secret_access_key=a/b+c=d#e;f
region =eu-west-1 ; near
; aws_session_token = no

[profile with space]
s3 =
  region = nested
  max_concurrent_requests = 20
  output = json
role_arn = arn:aws:iam::1:role/x
  indented = is a setting too
[default]
region = eu-central-1
malformed
= nothing
`),
  ).toEqual({
    default: {
      aws_access_key_id: "AKIA",
      aws_secret_access_key: "a/b+c=d#e;f",
      region: "eu-central-1",
    },
    "profile with space": { s3: "", role_arn: "arn:aws:iam::1:role/x", indented: "is a setting too" },
  });
  expect(plain("a = b\n")).toEqual({});
});
