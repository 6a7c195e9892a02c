import { afterEach, beforeEach, expect, test } from "bun:test";
import { createServer } from "node:net";
import { type AWSServices, startAWSServices } from "../../../../../test/support/aws-services.ts";
import { fromInstance, instanceEndpoint } from "./instance.ts";

const keys = { accessKeyId: "AKIA", secretAccessKey: "very-secret" };
let aws: AWSServices;
beforeEach(() => {
  aws = startAWSServices(keys);
});
afterEach(() => aws[Symbol.asyncDispose]());
const find = (env = {}) => fromInstance({ AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.endpoint, ...env }).find();

test("the role's keys, by a session of version 2", async () => {
  const found = await find();
  expect(found).toMatchObject({
    credentials: {
      ...keys,
      sessionToken: aws.issued[0],
      source: "the role registry-role of this EC2 instance",
    },
  });
  const { expiration = 0 } = (found as { credentials: { expiration?: number } }).credentials;
  expect(Math.abs(expiration - Date.now() - 3_600_000)).toBeLessThan(5000);
  expect(aws.asked).toEqual(["imds token", "imds roles", "imds role"]);
});

test("no role, no service, none wanted: the next source is asked", async () => {
  aws.instead.set("imds roles", () => new Response("", { status: 404 }));
  expect(await find()).toEqual({ absent: "the instance has no role" });
  aws.instead.set("imds token", () => new Response("", { status: 403 }));
  expect(await find()).toEqual({ absent: expect.stringContaining("answered 403") });
  expect(aws.asked.filter((what) => what !== "imds token")).toEqual(["imds roles"]);
  const before = aws.asked.length;
  expect(await find({ AWS_EC2_METADATA_DISABLED: "TRUE" })).toEqual({ absent: "AWS_EC2_METADATA_DISABLED" });
  expect(aws.asked.length).toBe(before);
  expect(await find({ AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1" })).toEqual({
    absent: expect.stringContaining("ECONNREFUSED"),
  });
});

test("a network that swallows everything is asked twice", async () => {
  let asked = 0;
  const silent = createServer(() => void asked++);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  const found = await find({ AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}` });
  expect(found).toEqual({ absent: expect.stringMatching(/no answer within 0.9 seconds \(.*hop limit/) });
  expect(asked).toBe(2);
  silent.close();
});

test("a service that is there and fails is an error; a passing one is asked again", async () => {
  let failures = 2;
  aws.instead.set("imds roles", () =>
    failures-- > 0 ? new Response("", { status: 503 }) : new Response("registry-role\n"),
  );
  expect(await find()).toHaveProperty("credentials");
  const asked = (name: string, answer: () => Response) => {
    aws.instead.set(name, answer);
    return find();
  };
  await expect(
    asked("imds role", () => Response.json({ Code: "AssumeRoleUnauthorizedAccess", Message: "not you" })),
  ).rejects.toThrow("answered 200 for the role registry-role AssumeRoleUnauthorizedAccess: not you");
  await expect(asked("imds role", () => new Response("very-secret"))).rejects.toThrow("no JSON");
  await expect(asked("imds roles", () => new Response("../../secret"))).rejects.toThrow("names no role");
  const location = `${aws.endpoint}/container`;
  await expect(
    asked("imds roles", () => new Response("", { status: 302, headers: { location } })),
  ).rejects.toThrow("answered 302");
  expect(aws.asked).not.toContain("container");
});

test("where the service is", () => {
  expect(instanceEndpoint({}).href).toBe("http://169.254.169.254/");
  expect(instanceEndpoint({ AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv6" }).href).toBe(
    "http://[fd00:ec2::254]/",
  );
  expect(() => instanceEndpoint({ AWS_EC2_METADATA_SERVICE_ENDPOINT: "169.254.169.254" })).toThrow(
    "no http address",
  );
});
