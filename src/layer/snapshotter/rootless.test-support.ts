/*
 * A program of its own: what a user without rights gets. Run by rootless.test.ts under setpriv(1) and unshare(1); prints
 * what it saw as JSON.
 */
import { mkdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enterPrivateMountNamespace } from "../../sys/index.ts";
import { selectSnapshotter } from "./select.ts";
import { seeDirectory, TestBed } from "./test-bed.test-support.ts";

const snapshotter = selectSnapshotter({ root: tmpdir(), env: {} });
if (snapshotter.mounts) enterPrivateMountNamespace();
const bed = new TestBed(snapshotter);
try {
  const layers = [
    await bed.layer([
      { path: "etc/", uid: 5 },
      { path: "etc/removed", body: "a", gid: 42 },
      { path: "etc/hidden", body: "b" },
      { path: "dev/null", type: "char", devmajor: 1, devminor: 3 },
      { path: "opaque/closed/", mode: 0o500 },
      { path: "opaque/closed/file", body: "z" },
    ]),
    await bed.layer([
      { path: "etc/", uid: 5 },
      { path: "etc/.wh.hidden" },
      { path: "opaque/" },
      { path: "opaque/.wh..wh..opq" },
      { path: "opaque/new", body: "1" },
    ]),
  ];
  const mount = await bed.mount(layers);
  const seen = Object.keys(seeDirectory(mount.rootfs)).sort();
  unlinkSync(join(mount.rootfs, "etc/removed"));
  writeFileSync(join(mount.rootfs, "written"), "1");
  rmSync(join(mount.rootfs, "opaque"), { recursive: true });
  mkdirSync(join(mount.rootfs, "opaque"));
  writeFileSync(join(mount.rootfs, "opaque/fresh"), "");
  const owners: Record<string, string> = {};
  for await (const { header } of snapshotter.diff(mount.place))
    owners[header.path] = `${header.uid}:${header.gid}`;
  mount.unmount();
  console.log(JSON.stringify({ snapshotter: snapshotter.name, seen, owners, left: bed.mounted() }));
} finally {
  bed.end();
}
