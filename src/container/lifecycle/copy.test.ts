import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  busyboxImage,
  type ContainerHome,
  makeContainerHome,
  removeQuietly,
  whyNoContainers,
} from "../../../test/support/container-home.ts";
import { type EntryHeader, encodeHeader, endOfArchive, paddingOf } from "../../tar/index.ts";

const why = whyNoContainers();
if (why) console.log(`skipped: nothing is copied into containers here: ${why}`);

let home: ContainerHome & { remove(): Promise<void> };
let place = "";

beforeAll(() => {
  if (!why) home = makeContainerHome();
});

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "strake-copy-"));
});

afterEach(async () => {
  rmSync(place, { recursive: true, force: true });
  for (const record of home?.containers.list() ?? []) await removeQuietly(home, record.id);
});

afterAll(() => home?.remove());

async function start(script = "sleep 1000"): Promise<string> {
  const { id } = home.containers.create({
    image: busyboxImage,
    command: ["sh", "-c", script],
    network: "none",
  });
  await home.containers.start(id);
  return id;
}

async function inside(id: string, script: string): Promise<string> {
  let out = "";
  await home.containers.exec(id, {
    args: ["sh", "-c", script],
    onOutput: (_, data) => {
      out += Buffer.from(data).toString();
    },
  });
  return out;
}

function sampleTree(): string {
  const source = join(place, "src");
  mkdirSync(join(source, "sub"), { recursive: true });
  writeFileSync(join(source, "file"), "data\n");
  chmodSync(join(source, "file"), 0o4755);
  writeFileSync(join(source, "sub/empty"), "");
  symlinkSync("/etc/passwd", join(source, "sub/link"));
  return source;
}

const entry = (changes: Partial<EntryHeader>): EntryHeader => ({
  type: "file",
  path: "x",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  mtimeNsec: 0,
  linkname: "",
  uname: "",
  gname: "",
  devmajor: 0,
  devminor: 0,
  ...changes,
});

async function* archive(...entries: readonly (Partial<EntryHeader> & { body?: string })[]) {
  for (const { body = "", ...header } of entries) {
    yield encodeHeader(entry({ ...header, size: body.length }));
    yield Buffer.from(body);
    yield new Uint8Array(paddingOf(body.length));
  }
  yield endOfArchive;
}

describe.skipIf(why !== undefined)("cp", () => {
  test("takes a tree into a running container and out again", async () => {
    const source = sampleTree();
    const id = await start();
    await home.containers.copy({ path: source }, { container: id, path: "/tmp" });
    expect(await inside(id, "cat /tmp/src/file; readlink /tmp/src/sub/link; stat -c %a /tmp/src/file")).toBe(
      "data\n/etc/passwd\n4755\n",
    );
    await home.containers.copy({ container: id, path: "/tmp/src" }, { path: join(place, "back") });
    expect(readdirSync(join(place, "back")).sort()).toEqual(["file", "sub"]);
    expect(readFileSync(join(place, "back/file"), "utf8")).toBe("data\n");
    expect(readlinkSync(join(place, "back/sub/link"))).toBe("/etc/passwd");
  });

  test("works on a stopped container, whose next start sees it", async () => {
    const id = await start("cat /from-host 2>/dev/null; echo mine > /from-container");
    await home.containers.wait(id);
    await home.containers.cleanup(id);
    await home.containers.copy({ container: id, path: "/from-container" }, { path: join(place, "got") });
    expect(readFileSync(join(place, "got"), "utf8")).toBe("mine\n");
    writeFileSync(join(place, "new"), "seen\n");
    await home.containers.copy({ path: join(place, "new") }, { container: id, path: "/from-host" });
    let out = "";
    const { attachment } = await home.containers.start(id, {
      attach: {
        onOutput: (_, data) => {
          out += Buffer.from(data).toString();
        },
      },
    });
    await attachment!.closed;
    expect(out).toBe("seen\n");
  });

  test("keeps owners with --archive only", async () => {
    const id = await start();
    writeFileSync(join(place, "f"), "");
    const { uid } = statSync(join(place, "f"));
    await home.containers.writeArchive(id, "/tmp", archive({ path: "owned", uid: 1000, gid: 1000 }));
    await home.containers.writeArchive(id, "/tmp", archive({ path: "ours", uid: 1000 }), { archive: false });
    expect(await inside(id, "stat -c %u /tmp/owned /tmp/ours")).toBe(`1000\n${uid}\n`);
  });

  test("what does not exist is a clear error", async () => {
    const id = await start();
    await expect(
      home.containers.copy({ container: id, path: "/nope" }, { path: place }),
    ).rejects.toMatchObject({ code: "CONTAINER_PATH_INVALID" });
    await expect(
      home.containers.copy({ path: place }, { container: id, path: "/no/such/folder" }),
    ).rejects.toMatchObject({ code: "CONTAINER_PATH_INVALID" });
  });
});

describe.skipIf(why !== undefined)("hostile containers", () => {
  test("CVE-2018-15664: links of the container lead inside the container, also while it swaps them", async () => {
    const secret = join(place, "secret");
    mkdirSync(secret);
    writeFileSync(join(secret, "file"), "host\n");
    const id = await start(
      `mkdir -p /t${secret} /d; echo container > /t${secret}/file; echo container > /d/file; mkdir -p ${secret}; echo container > ${secret}/file;` +
        `while :; do mv /d /real; ln -s ${secret} /d; rm /d; mv /real /d; done`,
    );
    await Bun.sleep(100);
    for (let n = 0; n < 60; n++) {
      const target = join(place, `out${n}`);
      try {
        await home.containers.copy({ container: id, path: "/d/file" }, { path: target });
      } catch (error) {
        expect((error as { code: string }).code).toBe("CONTAINER_PATH_INVALID");
        continue;
      }
      if (lstatSync(target).isFile()) expect(readFileSync(target, "utf8")).toBe("container\n");
    }
    for (let n = 0; n < 60; n++)
      await home.containers.writeArchive(id, "/d", archive({ path: `new${n}`, body: "x" })).catch(() => {});
    expect(readdirSync(secret)).toEqual(["file"]);
    expect(readFileSync(join(secret, "file"), "utf8")).toBe("host\n");
  }, 120_000);

  test("CVE-2019-14271: no program or library of the container runs", async () => {
    const id = await start();
    await inside(
      id,
      "mkdir -p /lib /usr/lib /usr/bin; for f in tar xz unpigz gzip cp; do printf '#!/bin/sh\\ntouch /ran' > /bin/$f.new; done",
    );
    await home.containers.copy({ container: id, path: "/etc" }, { path: join(place, "etc") });
    await home.containers.copy({ path: join(place, "etc") }, { container: id, path: "/copied" });
    expect(await inside(id, "ls /ran 2>&1")).toContain("No such file");
  });

  test("an archive from a container changes nothing outside its target", async () => {
    const outside = join(place, "outside");
    const target = join(place, "target");
    mkdirSync(outside);
    mkdirSync(target);
    const id = await start();
    // A link and then a file through it, as the container has it on disk.
    await inside(
      id,
      `mkdir -p /evil/dir; ln -s ${outside} /evil/link; ln -s .. /evil/up; mknod /evil/null c 1 3; mkfifo /evil/fifo`,
    );
    await home.containers.copy({ container: id, path: "/evil/." }, { path: target });
    expect(readdirSync(outside)).toEqual([]);
    expect(readlinkSync(join(target, "link"))).toBe(outside);
    expect(existsSync(join(target, "null"))).toBe(false);
    const again = join(place, "again");
    mkdirSync(again);
    symlinkSync(outside, join(again, "link"));
    // The target's own link is replaced by the container's folder, not followed.
    await inside(id, "mkdir -p /evil2/link; echo x > /evil2/link/pwned");
    await home.containers.copy({ container: id, path: "/evil2/." }, { path: again });
    expect(readdirSync(outside)).toEqual([]);
    expect(readFileSync(join(again, "link/pwned"), "utf8")).toBe("x\n");
  });

  test("an archive for a container stays in the folder it is for", async () => {
    const id = await start();
    for (const path of ["../escaped", "/../../escaped", "a/../../escaped"])
      await home.containers.writeArchive(id, "/tmp", archive({ path, body: "x" })).catch(() => {});
    await home.containers
      .writeArchive(
        id,
        "/tmp",
        archive({ type: "symlink", path: "l", linkname: "/root" }, { path: "l/through", body: "x" }),
      )
      .catch(() => {});
    await home.containers
      .writeArchive(id, "/tmp", archive({ type: "hardlink", path: "hard", linkname: "../etc/passwd" }))
      .catch(() => {});
    expect(existsSync(join(tmpdir(), "escaped"))).toBe(false);
    expect(existsSync("/escaped")).toBe(false);
    expect(existsSync("/root/through")).toBe(false);
    expect(await inside(id, "ls /tmp/hard 2>&1")).toContain("No such file");
  });
});
