import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { htpasswdLine } from "../../access/htpasswd.ts";
import { Registry } from "../../server.ts";
import { allChecks } from "./all.ts";
import { countTable, runChecks } from "./count.ts";
import { type Check, Peer } from "./peer.ts";

test("checks are counted by subject; one that fails says what it saw, and those after it are asked", async () => {
  await using registry = await Registry.start();
  const absurd: Check = {
    subject: "tags",
    name: "the base is a teapot",
    dev: true,
    run: async (peer) => {
      await peer.expect([418], "/v2/");
    },
  };
  const some = allChecks.filter(({ subject }) => subject === "base" || subject === "tags");
  const results = await runChecks(new Peer(registry.url), [absurd, ...some]);
  expect(results.filter(({ failure }) => failure !== undefined)).toEqual([
    { check: absurd, failure: "GET /v2/: 200, not 418: {}" },
  ]);
  expect(countTable(results)).toBe(
    [
      "| subject | 1.1 pass | 1.1 fail | dev pass | dev fail |",
      "|---------|---------:|---------:|---------:|---------:|",
      "| tags    |        6 |        0 |        0 |        1 |",
      "| base    |        1 |        0 |        0 |        0 |",
      "| all     |        7 |        0 |        0 |        1 |",
    ].join("\n"),
  );
});

test("a name and password in the address are sent to the registry, and to nobody it points to", async () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-checks-"));
  const htpasswd = join(folder, "htpasswd");
  try {
    writeFileSync(htpasswd, `${await htpasswdLine({ name: "ann", password: "p@ss" }, 4)}\n`);
    const policies = [{ repositories: ["checks/*"], users: ["ann"], actions: ["pull", "push"] as const }];
    await using registry = await Registry.start({ rules: { htpasswd, policies } });
    const some = allChecks.filter(({ subject }) => subject === "ranges");
    const address = registry.url.href.replace("://", "://ann:p%40ss@");
    for (const [url, passed] of [
      [registry.url.href, 0],
      [address, some.length],
    ] as const) {
      const results = await runChecks(new Peer(url), some);
      expect(results.filter(({ failure }) => failure === undefined)).toHaveLength(passed);
    }
    const seen: (string | null)[] = [];
    using elsewhere = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ headers }) => {
        seen.push(headers.get("authorization"));
        return new Response();
      },
    });
    await new Peer(address).call(elsewhere.url.href);
    expect(seen).toEqual([null]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
