import { expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StrakeError } from "../../errors/index.ts";
import type { Draft } from "../layer.test-support.ts";
import { seeDirectory, seeTree, type TestBed } from "./test-bed.test-support.ts";

const corpus = fileURLToPath(new URL("../../../../shared/data/breakout-layers", import.meta.url));
const lower: readonly Draft[] = [{ path: "etc/" }, { path: "etc/unbroken", body: "unbroken" }];

/** Something outside that hostile layers aim at, and what must not happen to it. */
class Outside {
  readonly directory: string;
  readonly #before: Record<string, string>;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "secret"), "secret", { mode: 0o400 });
    mkdirSync(join(directory, "folder"), { recursive: true });
    this.#before = seeDirectory(directory);
  }

  expectUntouched(): void {
    expect(seeDirectory(this.directory)).toEqual(this.#before);
    expect(lstatSync(join(this.directory, "secret")).nlink).toBe(1);
  }
}

/** Applies a layer over /etc/unbroken; undefined when it was refused, as is fine. */
async function apply(bed: TestBed, make: () => Promise<import("./snapshotter.ts").SnapshotLayer>) {
  try {
    const layers = [await bed.layer(lower), await make()];
    return await bed.mount(layers);
  } catch (error) {
    if (error instanceof StrakeError && error.class !== "internal") return undefined;
    throw error;
  }
}

/** Layers that try to leave their root file system. */
export function describeBreakouts(bed: () => TestBed): void {
  if (!existsSync(corpus)) console.log(`skipped: breakout layers: ${corpus} is not there`);
  for (const file of existsSync(corpus) ? readdirSync(corpus).sort() : [])
    test(`containerd's ${file} changes nothing outside`, async () => {
      const host = seeDirectoryNames("/etc");
      const mount = await apply(bed(), () => bed().tarLayer(readFileSync(join(corpus, file))));
      expect(seeDirectoryNames("/etc")).toEqual(host);
      expect(existsSync("/tmp/TestBreakouts1147284921")).toBe(false);
      if (mount === undefined) return;
      expect(readFileSync(join(mount.rootfs, "etc/unbroken"), "utf8")).toBe("unbroken");
      expect(seeDirectory(mount.rootfs)).toEqual(seeTree(mount.place.layers));
      mount.unmount();
    });

  const outside = () => new Outside(join(bed().directory, "outside"));
  const attacks: Record<string, (out: string) => Draft[]> = {
    "CVE-2014-6407: a symlink, then a file through it": (out) => [
      { path: "link", linkname: out },
      { path: "link/secret", body: "overwritten" },
    ],
    "CVE-2014-9356: an absolute path": (out) => [{ path: `${out}/secret`, body: "overwritten" }],
    "CVE-2014-9356: a path that climbs": (out) => [
      { path: `../../../../../../..${out}/secret`, body: "overwritten" },
    ],
    'CVE-2021-29136: the root entry "." is a symlink': (out) => [
      { path: ".", type: "symlink", linkname: out },
      { path: "secret", body: "overwritten" },
    ],
    "CVE-2021-32760: a hardlink to a symlink, then its mode": (out) => [
      { path: "sym", linkname: `${out}/secret` },
      { path: "hard", type: "hardlink", linkname: "sym", mode: 0o777 },
    ],
    "CVE-2026-26960: a hardlink through two symlinks": (out) => [
      { path: "a/b/c/" },
      { path: "a/b/c/up", linkname: "../.." },
      { path: "a/b/escape", linkname: "c/up/../.." },
      { path: "exfil", type: "hardlink", linkname: `a/b/escape/../../../../..${out}/secret` },
    ],
    "CVE-2026-23745: an absolute hardlink target": (out) => [
      { path: "stolen", type: "hardlink", linkname: `${out}/secret` },
    ],
    "CVE-2026-24842: a hardlink relative to its own directory": () => [
      { path: "dir/" },
      { path: "dir/stolen", type: "hardlink", linkname: "../../outside/secret" },
    ],
    "CVE-2021-32803: a directory replaced by a symlink after it was seen": (out) => [
      { path: "dir/" },
      { path: "dir", type: "symlink", linkname: out },
      { path: "dir/secret", body: "overwritten" },
    ],
    "CVE-2021-32804: many slashes in front": (out) => [{ path: `///${out}/secret`, body: "overwritten" }],
    "CVE-2021-37713: a trailing slash on a symlink's name": (out) => [
      { path: "dir", linkname: `${out}/folder` },
      { path: "dir/", type: "directory", mode: 0o777 },
      { path: "dir/new", body: "1" },
    ],
    "CVE-2024-12905: a hardlink to a symlink that leads out, then written": (out) => [
      { path: "one", linkname: `${out}/secret` },
      { path: "two", type: "hardlink", linkname: "one" },
      { path: "two", body: "overwritten" },
    ],
    "CVE-2025-48387: a name that has the root's own as its beginning": () => [
      { path: "../rootfs-sibling/file", body: "1" },
      { path: "link", linkname: "../target-sibling" },
      { path: "link/file", body: "1" },
    ],
    "CVE-2026-50163: a hardlink target that exists in the working directory": () => [
      { path: "package.json", type: "hardlink", linkname: "tsconfig.json" },
    ],
    "frostyard/nbc#86: a hardlink to a host file on another file system": () => [
      { path: "version", type: "hardlink", linkname: "/proc/version" },
    ],
    "whiteouts deleted through an inherited symlink (GHSA-vgfc)": (out) => [
      { path: "link", linkname: out },
      { path: "link/.wh.secret" },
      { path: "link/.wh..wh..opq" },
    ],
  };

  for (const [name, drafts] of Object.entries(attacks))
    test(name, async () => {
      const target = outside();
      const mount = await apply(bed(), () => bed().layer(drafts(target.directory)));
      target.expectUntouched();
      if (mount !== undefined) {
        expect(readFileSync(join(mount.rootfs, "etc/unbroken"), "utf8")).toBe("unbroken");
        for (const [path, line] of Object.entries(seeDirectory(mount.rootfs)))
          if (!line.startsWith("symlink")) expect(`${path} ${line}`).not.toContain(" secret");
        expect(seeDirectory(mount.rootfs)).toEqual(seeTree(mount.place.layers));
        mount.unmount();
      }
      rmSync(target.directory, { recursive: true });
    });

  for (const name of [".wh.", ".wh..", ".wh...", "etc/.wh..", "etc/.wh..."])
    test(`GHSA-vgfc: the whiteout name ${JSON.stringify(name)} removes nothing`, async () => {
      const mount = await apply(bed(), () => bed().layer([{ path: name }]));
      if (mount === undefined) return;
      expect(readFileSync(join(mount.rootfs, "etc/unbroken"), "utf8")).toBe("unbroken");
      mount.unmount();
    });

  test("an opaque mark hides lower layers but nothing of its own layer, wherever in the tar it stands", async () => {
    const layer = await bed().layer([
      { path: "etc/before", body: "1" },
      { path: "etc/.wh..wh..opq" },
      { path: "etc/after", body: "2" },
    ]);
    const mount = await bed().mount([await bed().layer(lower), layer]);
    expect(readdirSync(join(mount.rootfs, "etc")).sort()).toEqual(["after", "before"]);
    mount.unmount();
  });

  test("overlayfs's own marks in a layer's extended attributes are not obeyed", async () => {
    const marks = ["redirect", "metacopy", "opaque", "whiteout", "origin"].flatMap((mark) =>
      ["trusted", "user"].map((space): [string, Uint8Array] => [
        `${space}.overlay.${mark}`,
        Buffer.from(mark === "redirect" ? "/etc" : "y"),
      ]),
    );
    const layer = await bed().layer([
      { path: "etc/", xattrs: new Map(marks) },
      { path: "stolen/", xattrs: new Map(marks) },
    ]);
    const mount = await bed().mount([await bed().layer(lower), layer]);
    expect(readdirSync(join(mount.rootfs, "stolen"))).toEqual([]);
    expect(readFileSync(join(mount.rootfs, "etc/unbroken"), "utf8")).toBe("unbroken");
    mount.unmount();
  });
}

/** Names and times in a directory of the host that the corpus aims at. */
function seeDirectoryNames(path: string): string[] {
  return readdirSync(path).map((name) => {
    const { ino, mode, ctimeMs } = lstatSync(join(path, name));
    return `${name} ${ino} ${mode} ${ctimeMs}`;
  });
}
