import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StrakeError } from "../../errors/index.ts";
import { type Draft, makeLayer } from "../layer.test-support.ts";
import { resolveOwner, resolveUser, Tree } from "./index.ts";

const passwd = `# people
root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
1000:x:0:0:trap:/root:/bin/sh
app:x:1001:1002:App:/home/app:/bin/sh
broken:x:zero:0::/:
huge:x:4294967296:4294967296::/:
short:x
nohome:x:1003:1003
`;
const group =
  "root:x:0:\nwww-data:x:33:app\nstaff:x:50:app,www-data\n50x:x:77:\napps:x:1002:app\nbad:x:-1:app\n";

let folder: string;
let tree: Tree;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "strake-accounts-"));
  tree = await open([
    { path: "etc/passwd", body: passwd },
    { path: "etc/group", body: group },
  ]);
});
afterAll(() => {
  tree.close();
  rmSync(folder, { recursive: true, force: true });
});

let made = 0;
async function open(drafts: Draft[]): Promise<Tree> {
  return Tree.open([await makeLayer(folder, `layer${made++}`, drafts)]);
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof StrakeError) return error.code;
    throw error;
  }
  return "no error";
}

describe("USER", () => {
  test("by name, with the groups that list it", () => {
    expect(resolveUser(tree, "app")).toEqual({
      uid: 1001,
      gid: 1002,
      groups: [1002, 33, 50],
      name: "app",
      home: "/home/app",
    });
  });

  test("by number: an account's when one has it, else group root and home /", () => {
    expect(resolveUser(tree, "33")).toMatchObject({ uid: 33, gid: 33, groups: [33, 50], name: "www-data" });
    expect(resolveUser(tree, "4242")).toEqual({ uid: 4242, gid: 0, groups: [0], name: undefined, home: "/" });
  });

  test("with a group, which drops the supplementary ones", () => {
    expect(resolveUser(tree, "app:staff")).toMatchObject({ uid: 1001, gid: 50, groups: [50] });
    expect(resolveUser(tree, "app:9")).toMatchObject({ gid: 9, groups: [9] });
    expect(resolveUser(tree, "5:6")).toMatchObject({ uid: 5, gid: 6, groups: [6] });
    expect(resolveUser(tree, "www-data:50x")).toMatchObject({ gid: 77 });
  });

  test("empty is root", () => {
    expect(resolveUser(tree, "")).toMatchObject({ uid: 0, gid: 0, home: "/root" });
    expect(resolveUser(tree, ":staff")).toMatchObject({ uid: 0, gid: 50 });
  });

  test("unknown names", () => {
    expect(codeOf(() => resolveUser(tree, "nobody"))).toBe("ACCOUNT_NOT_FOUND");
    expect(codeOf(() => resolveUser(tree, "app:nogroup"))).toBe("ACCOUNT_NOT_FOUND");
  });

  test("without accounts files numbers work and names do not", async () => {
    using bare = await open([{ path: "bin/sh" }]);
    expect(resolveUser(bare, "1000:1000")).toMatchObject({ uid: 1000, gid: 1000 });
    expect(resolveUser(bare, "0")).toMatchObject({ uid: 0, gid: 0, home: "/" });
    expect(codeOf(() => resolveUser(bare, "root"))).toBe("ACCOUNT_NOT_FOUND");
  });
});

describe("--chown", () => {
  test("a number alone is user and group, a name alone brings its group", () => {
    expect(resolveOwner(tree, "55")).toEqual({ uid: 55, gid: 55 });
    expect(resolveOwner(tree, "33:staff")).toEqual({ uid: 33, gid: 50 });
    expect(resolveOwner(tree, "app")).toEqual({ uid: 1001, gid: 1002 });
    expect(resolveOwner(tree, "app:0")).toEqual({ uid: 1001, gid: 0 });
  });
});

describe("hostile accounts", () => {
  test("CVE-2016-3697: a number is an id although an account has it for a name", () => {
    expect(resolveUser(tree, "1000")).toMatchObject({ uid: 1000, gid: 0, name: undefined });
  });

  test("CVE-2024-40635: ids that would wrap around to root", () => {
    for (const spec of [
      "4294967296",
      "4294967295",
      "2147483648",
      "-1",
      "99999999999999999999",
      "0:4294967296",
      "app:-1",
    ])
      expect(codeOf(() => resolveUser(tree, spec))).toBe("ACCOUNT_INVALID");
    expect(resolveUser(tree, "2147483647").uid).toBe(2147483647);
  });

  test("a line whose ids are damaged is no account, least of all root", () => {
    for (const name of ["broken", "huge", "short"])
      expect(codeOf(() => resolveUser(tree, name))).toBe("ACCOUNT_NOT_FOUND");
    expect(resolveUser(tree, "nohome")).toMatchObject({ uid: 1003, home: "/" });
  });

  test("CVE-2022-36109: the primary group is among the groups", () => {
    expect(resolveUser(tree, "app").groups).toContain(1002);
    expect(resolveUser(tree, "7:8").groups).toEqual([8]);
  });

  test("CVE-2024-9676: a symlinked passwd leads inside the image only; a huge one is refused", async () => {
    using linked = await open([
      { path: "etc/passwd", linkname: "../../../../../../etc/shadow" },
      { path: "etc/shadow", body: "x:x:7:7::/:" },
    ]);
    expect(resolveUser(linked, "x").uid).toBe(7);
    using host = await open([{ path: "etc/passwd", linkname: join(folder, "layer0.tar") }]);
    expect(codeOf(() => resolveUser(host, "root"))).toBe("ACCOUNT_NOT_FOUND");
    using huge = await open([
      { path: "etc/passwd", body: Buffer.alloc(4 * 1024 * 1024 + 1, "a:x:1:1::/:\n") },
    ]);
    expect(codeOf(() => resolveUser(huge, "a"))).toBe("ACCOUNT_INVALID");
    using line = await open([{ path: "etc/passwd", body: `a:x:1:1:${"g".repeat(70_000)}:/:\n` }]);
    expect(codeOf(() => resolveUser(line, "a"))).toBe("ACCOUNT_INVALID");
    using loop = await open([{ path: "etc/passwd", linkname: "passwd" }]);
    expect(codeOf(() => resolveUser(loop, "a"))).toBe("TREE_LOOP");
  });

  test("a passwd that is a fifo or a directory is none", async () => {
    using fifo = await open([{ path: "etc/passwd", type: "fifo" }, { path: "etc/group/" }]);
    expect(codeOf(() => resolveUser(fifo, "root"))).toBe("ACCOUNT_NOT_FOUND");
    expect(codeOf(() => resolveUser(fifo, "0:wheel"))).toBe("ACCOUNT_NOT_FOUND");
  });
});
