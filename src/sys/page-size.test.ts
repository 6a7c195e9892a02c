import { expect, test } from "bun:test";
import { pageSize } from "./page-size.ts";

test("as getconf says", () => {
  const { stdout } = Bun.spawnSync(["getconf", "PAGESIZE"]);
  expect(pageSize()).toBe(Number(stdout.toString()));
});
