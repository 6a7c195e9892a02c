import { expect, test } from "bun:test";
import { fromEnvironment } from "./environment.ts";

test("keys of the environment, all of them or none", async () => {
  const keys = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "very-secret" };
  expect(await fromEnvironment(keys).find()).toMatchObject({
    credentials: { accessKeyId: "id", secretAccessKey: "very-secret", sessionToken: undefined },
  });
  expect(await fromEnvironment({ ...keys, AWS_SESSION_TOKEN: "t" }).find()).toMatchObject({
    credentials: { sessionToken: "t" },
  });
  expect(await fromEnvironment({ AWS_SESSION_TOKEN: "t" }).find()).toEqual({
    absent: "AWS_ACCESS_KEY_ID is not set",
  });
  for (const [half, lacks] of [
    [{ AWS_ACCESS_KEY_ID: "id" }, "AWS_SECRET_ACCESS_KEY is not"],
    [{ AWS_SECRET_ACCESS_KEY: "very-secret", AWS_ACCESS_KEY_ID: "" }, "AWS_ACCESS_KEY_ID is not"],
  ] as const) {
    const error = await fromEnvironment(half)
      .find()
      .catch((thrown) => thrown);
    expect(String(error)).toContain(lacks);
    expect(String(error)).not.toContain("very-secret");
  }
});
