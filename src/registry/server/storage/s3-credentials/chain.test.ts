import { expect, test } from "bun:test";
import { chain } from "./chain.ts";
import type { Absent, Found, Source } from "./source.ts";

const keys = (accessKeyId: string): Found => ({ credentials: { accessKeyId, secretAccessKey: "s" } });

function source(name: string, answers: (Found | Absent | Error)[]): Source & { asked: number } {
  const made = {
    name,
    asked: 0,
    async find() {
      const answer = answers[Math.min(made.asked++, answers.length - 1)]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return made;
}

test("the first that has credentials, and that one from then on", async () => {
  const [one, two, three] = [
    source("one", [{ absent: "is not set" }, keys("late")]),
    source("two", [keys("a"), { absent: "was taken away" }, keys("b")]),
    source("three", [keys("never")]),
  ];
  const find = chain([one, two, three]);
  expect((await find()).credentials.accessKeyId).toBe("a");
  await expect(find()).rejects.toThrow("no credentials for S3 any more: asked two (was taken away)");
  expect((await find()).credentials.accessKeyId).toBe("b");
  expect([one.asked, two.asked, three.asked]).toEqual([1, 3, 0]);
});

test("one that is set up and fails ends the search: nobody is somebody else by surprise", async () => {
  const next = source("next", [keys("other")]);
  const find = chain([source("first", [new Error("its file cannot be read")]), next]);
  await expect(find()).rejects.toMatchObject({
    code: "REGISTRY_STORAGE",
    message: "no credentials for S3 from first: its file cannot be read",
  });
  expect(next.asked).toBe(0);
});

test("nothing anywhere: what was asked, once", async () => {
  const find = chain([source("one", [{ absent: "a" }]), source("two", [{ absent: "b" }])]);
  await expect(find()).rejects.toMatchObject({
    code: "REGISTRY_STORAGE",
    message: "no credentials for S3 are found: asked one (a), two (b)",
  });
});
