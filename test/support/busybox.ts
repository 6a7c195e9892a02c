import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Debian's busybox-static: one program, no libraries. */
export const busyboxProgram = "/usr/bin/busybox";

export const hasBusybox = existsSync(busyboxProgram);

const applets =
  "ash cat chmod chown cp cut date dd df echo env false find getent grep head hostname httpd id ip kill ln ls mkdir mknod " +
  "mount mv nc nslookup ping printenv ps pwd readlink rm rmdir sed seq sh sleep sort stat stty sync tail tar test " +
  "touch tr true tty udhcpc umount uname wc wget which whoami yes";

/** Fills an existing directory with a tiny root file system: busybox, passwd and group, the usual empty folders. */
export function fillBusyboxRoot(root: string): void {
  for (const folder of ["bin", "dev", "etc", "proc", "sys", "tmp", "root", "home/app", "var/lib", "usr/bin"])
    mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(busyboxProgram, join(root, "bin/busybox"));
  for (const applet of applets.split(" ")) symlinkSync("busybox", join(root, "bin", applet));
  writeFileSync(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  );
  writeFileSync(join(root, "etc/group"), "root:x:0:\napp:x:1000:\nwheel:x:10:app\nnogroup:x:65534:\n");
}

/** A new temporary directory with the root file system in it; `remove` takes it away. */
export function makeBusyboxRoot(): { root: string; remove(): void } {
  const root = join(tmpdir(), `strake-busybox-${process.pid}-${Math.random().toString(36).slice(2)}`);
  mkdirSync(root, { mode: 0o755 });
  fillBusyboxRoot(root);
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** The same root as an uncompressed tar, made by the host's tar; always the same bytes. */
export function makeBusyboxTar(): Uint8Array {
  const { root, remove } = makeBusyboxRoot();
  try {
    const tar = Bun.spawnSync([
      "tar",
      "--sort=name",
      "--mtime=@0",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "-C",
      root,
      "-cf",
      "-",
      ".",
    ]);
    if (!tar.success) throw new Error(tar.stderr.toString());
    return tar.stdout;
  } finally {
    remove();
  }
}
