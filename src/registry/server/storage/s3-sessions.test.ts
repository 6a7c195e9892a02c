import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type AWSServices, startAWSServices } from "../../../../test/support/aws-services.ts";
import {
  findS3Server,
  type S3Server,
  s3Credentials,
  startS3Server,
} from "../../../../test/support/s3-server.ts";
import { type SessionGate, startSessionGate } from "../../../../test/support/s3-sessions.ts";
import { Registry } from "../server.ts";
import { S3Store } from "./s3.ts";
import { defaultS3Credentials } from "./s3-credentials/index.ts";

const found = findS3Server();
const reason = "reason" in found ? found.reason : undefined;
if (reason) console.log(`S3 with sessions is not tested: ${reason}`);

describe.skipIf(reason !== undefined)("S3 with sessions that end", () => {
  let s3: S3Server;
  let aws: AWSServices;
  let gate: SessionGate;
  beforeAll(async () => {
    if ("path" in found) s3 = await startS3Server(found.path);
  });
  afterAll(() => s3[Symbol.asyncDispose]());
  beforeEach(async () => {
    await gate?.[Symbol.asyncDispose]();
    await aws?.[Symbol.asyncDispose]();
    aws = startAWSServices(s3Credentials);
    gate = startSessionGate(s3.endpoint, aws);
  });
  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
    await aws[Symbol.asyncDispose]();
  });
  const open = (failures: unknown[] = []) =>
    S3Store.open({
      ...{ endpoint: gate.endpoint, bucket: s3.bucket() },
      credentials: defaultS3Credentials({
        env: { HOME: "/nowhere", AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.endpoint },
        onFailure: (error) => void failures.push(error),
      }),
    });
  const bytes = (text: string) => new TextEncoder().encode(text);
  const work = (store: S3Store, count: number) =>
    Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const key = `blobs/k${i}`;
        if (i % 3 === 0) await store.put(key, bytes("again"));
        else if (i % 3 === 1) expect(await store.head(key)).toBeUndefined();
        else expect(await store.list(`none${i}/`, { limit: 1 })).toEqual([]);
      }),
    );

  test("a registry is pushed to and pulled from over many sessions, and none is used to its end", async () => {
    aws.lifetime = 8000;
    await using registry = await Registry.start({ storage: await open() });
    const until = Date.now() + 10_000;
    const upload = async (name: string) => {
      for (let i = 0; Date.now() < until; i++) {
        const content = `${name} ${i}`;
        const digest = `sha256:${new Bun.CryptoHasher("sha256").update(content).digest("hex")}`;
        const url = `${registry.url}v2/a/blobs/`;
        const pushed = await fetch(`${url}uploads/?digest=${digest}`, { method: "POST", body: content });
        expect(pushed.status).toBe(201);
        expect(await (await fetch(`${url}${digest}`)).text()).toBe(content);
        await Bun.sleep(50);
      }
    };
    await Promise.all(["one", "two", "three"].map(upload));
    expect(gate.refused()).toBe(0);
    expect(gate.passed()).toBeGreaterThan(30);
    expect(aws.issued.length).toBeGreaterThanOrEqual(3);
    expect(aws.issued.length).toBeLessThan(20);
  }, 30_000);

  test("sessions that end before their time are renewed once for all who were refused", async () => {
    await using store = await open();
    await work(store, 30);
    await Bun.sleep(1100);
    aws.endAll();
    const before = aws.issued.length;
    await work(store, 30);
    expect(gate.refused()).toBeGreaterThan(1);
    expect(aws.issued.length).toBe(before + 1);
    // What is conditional was decided once.
    await store.put("blobs/new", bytes("1"), { ifNoneMatch: "*" });
    await Bun.sleep(1100);
    aws.endAll();
    await expect(store.put("blobs/new", bytes("2"), { ifNoneMatch: "*" })).rejects.toMatchObject({
      code: "OBJECT_CHANGED",
    });
  }, 20_000);

  test("new sessions that are refused too: the S3 server's answer, and no storm at who gives them", async () => {
    await using store = await open();
    aws.instead.set("imds role", () =>
      Response.json({ AccessKeyId: "x", SecretAccessKey: "y", Token: "ended", Code: "Success" }),
    );
    await Bun.sleep(1100);
    aws.endAll();
    aws.asked.length = 0;
    for (let i = 0; i < 20; i++) {
      const error = await store.head("blobs/x").catch((thrown) => thrown);
      expect(error).toMatchObject({
        code: "REGISTRY_STORAGE",
        message: "the S3 server answered 400 to HEAD blobs/x",
      });
    }
    await expect(store.read("blobs/x", 10)).rejects.toThrow("answered 400 ExpiredToken to GET blobs/x");
    expect(aws.asked.filter((what) => what === "imds role").length).toBe(1);
  });

  test("nobody gives new ones: what S3 said, and why there are none; afterwards all is well again", async () => {
    await using store = await open();
    await store.put("blobs/x", bytes("x"));
    await Bun.sleep(1100);
    aws.endAll();
    aws.instead.set("imds roles", () => new Response("", { status: 403 }));
    await expect(store.put("blobs/x", bytes("y"))).rejects.toThrow(
      /^the S3 server answered 400 ExpiredToken and there are no other credentials: no credentials for S3 from the EC2 instance: 127.0.0.1:\d+ answered 403/,
    );
    aws.instead.clear();
    await store.put("blobs/x", bytes("z"));
    expect((await store.read("blobs/x", 9))!.bytes).toEqual(bytes("z"));
  });

  test("a service that is away while sessions still hold stops nobody, and is told of", async () => {
    aws.lifetime = 6000;
    const failures: unknown[] = [];
    await using store = await open(failures);
    aws.instead.set("imds token", () => new Response("", { status: 404 }));
    const until = Date.now() + 4200;
    while (Date.now() < until) {
      await store.put("blobs/x", bytes("x"));
      await Bun.sleep(100);
    }
    expect(gate.refused()).toBe(0);
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.length).toBeLessThan(5);
    expect(String(failures[0])).toContain("answered 404");
    aws.instead.clear();
    await Bun.sleep(2500);
    await store.put("blobs/x", bytes("x"));
  }, 20_000);

  test("an address that a client is sent to is signed with the session of the moment", async () => {
    const credentials = defaultS3Credentials({
      env: { HOME: "/nowhere", AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.endpoint },
    });
    const place = { endpoint: gate.endpoint, bucket: s3.bucket(), credentials, redirect: true };
    await using store = await S3Store.open(place);
    const address = new URL((await store.address("blobs/x", 60))!);
    expect(address.searchParams.get("X-Amz-Security-Token")).toBe(aws.issued.at(-1)!);
  });
});
