import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Store } from "../store/index.ts";
import { examine } from "./doctor.ts";

const root = (path: string) => new URL(`../../${path}`, import.meta.url).pathname;
const nothing = { program: () => undefined, other: () => undefined };

describe("doctor", () => {
  const folder = mkdtempSync(join(tmpdir(), "strake-doctor-"));
  let store: Store;
  beforeAll(() => {
    store = Store.open({ root: join(folder, "root"), runRoot: join(folder, "run") });
  });
  afterAll(() => {
    store[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test("on a bare machine says of everything what it is for and how to get it", async () => {
    const { findings, ok, install } = await examine(store, nothing);
    expect(ok).toBe(false);
    for (const { name, detail, verdict, fix, package: from } of findings) {
      if (from === undefined || (name === "runc" && fix === undefined)) continue;
      expect([name, verdict]).not.toEqual([name, "ok"]);
      expect(detail).toMatch(/^not installed: \w+/);
      expect(fix).toBe(`apt-get install -y --no-install-recommends ${from}`);
    }
    expect(findings.find(({ name }) => name === "conmon")?.verdict).toBe("missing");
    expect(findings.find(({ name }) => name === "aardvark-dns")).toMatchObject({
      verdict: "unused",
      detail: expect.stringContaining("names of containers"),
      fix: expect.stringContaining("aardvark-dns"),
    });
    // What nothing needs is not in the one command for all that is missing.
    expect(install).toContain("conmon");
    expect(install).not.toContain("aardvark-dns");
  });

  test("on a machine that has all, nothing is missing", async () => {
    const everything = { program: (name: string) => `/bin/${name}`, other: () => "/there" };
    const { findings, install } = await examine(store, everything);
    expect(install).toBeUndefined();
    expect(findings.filter(({ package: from }) => from).every(({ verdict }) => verdict === "ok")).toBe(true);
  });

  test("runc is not missed where crun is", async () => {
    const crunOnly = { ...nothing, program: (name: string) => (name === "crun" ? "/bin/crun" : undefined) };
    const { findings, install } = await examine(store, crunOnly);
    expect(findings.find(({ name }) => name === "runc")).toMatchObject({ verdict: "unused" });
    expect(install).not.toContain("runc");
  });

  test("knows every package that scripts/setup installs", async () => {
    const words = /^packages=\(([^)]*)\)/m.exec(readFileSync(root("scripts/setup"), "utf8"))![1]!;
    const packages = words.split(/\s+/);
    expect(packages.length).toBeGreaterThan(10);
    const known = new Set((await examine(store, nothing)).findings.map((finding) => finding.package));
    expect(packages.filter((name) => !known.has(name))).toEqual([]);
  });

  test("knows every program that the sources look for", async () => {
    const known = new Set((await examine(store, nothing)).findings.map(({ name }) => name));
    // Asked only where they are: the tools of another firewall, whose rules containers must pass.
    for (const name of ["iptables", "firewall-cmd"]) known.add(name);
    const wanted = new Set<string>();
    for (const path of new Bun.Glob("src/**/*.ts").scanSync({ cwd: root(".") })) {
      if (path.endsWith(".test.ts")) continue;
      const text = readFileSync(root(path), "utf8");
      for (const [, name] of text.matchAll(/(?:findProgram|Bun\.which)\("([^"]+)"/g)) wanted.add(name!);
    }
    expect(wanted.size).toBeGreaterThan(4);
    expect([...wanted].filter((name) => !known.has(name))).toEqual([]);
  });
});
