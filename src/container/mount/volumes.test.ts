import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  busyboxImage,
  type ContainerHome,
  makeContainerHome,
  removeQuietly,
  whyNoContainers,
} from "../../../test/support/container-home.ts";
import type { ContainerConfig } from "../../oci/index.ts";
import type { CreateOptions } from "../lifecycle/create.ts";
import { parseVolume } from "./parse.ts";
import { lockVolume } from "./volumes.ts";

const why = whyNoContainers();
if (why) console.log(`skipped: volumes are not mounted here: ${why}`);

let home: ContainerHome & { remove(): Promise<void> };

beforeAll(() => {
  if (!why) home = makeContainerHome();
});

afterEach(async () => {
  for (const record of home?.containers.list() ?? []) await removeQuietly(home, record.id);
  for (const volume of home?.containers.volumes.list() ?? []) home.containers.volumes.remove(volume.name);
});

afterAll(() => home?.remove());

async function output(script: string, options: Partial<CreateOptions> = {}, config: ContainerConfig = {}) {
  const { id } = home.containers.create({
    image: { ...busyboxImage, config: { ...busyboxImage.config, ...config } },
    command: ["sh", "-c", script],
    network: "none",
    ...options,
  });
  let out = "";
  const { attachment } = await home.containers.start(id, {
    attach: {
      onOutput: (_, data) => {
        out += Buffer.from(data).toString();
      },
    },
  });
  await attachment!.closed;
  await home.containers.wait(id);
  await home.containers.cleanup(id);
  return { id, out };
}

const named = (text: string) => [parseVolume(text, "/")];

describe.skipIf(why !== undefined)("volumes", () => {
  test("one that a container is just being started with is not removed under it", async () => {
    const { volumes } = home.containers;
    volumes.create("race");
    const held = await lockVolume(home.runRoot, "race");
    const removal = home.containers.removeVolume("race").catch((error) => error.code);
    home.containers.create({ image: busyboxImage, command: ["true"], mounts: named("race:/data") });
    held[Symbol.dispose]();
    expect(await removal).toBe("VOLUME_IN_USE");
    expect(existsSync(volumes.get("race")!.mountpoint)).toBe(true);
  });

  test("keep what one container wrote for the next", async () => {
    await output("echo kept > /data/file", { mounts: named("db:/data") });
    expect((await output("cat /data/file", { mounts: named("db:/data:ro") })).out).toBe("kept\n");
    expect((await output("touch /data/x || echo no", { mounts: named("db:/data:ro") })).out).toContain(
      "no\n",
    );
    expect(home.containers.volumes.list().map((volume) => volume.name)).toEqual(["db"]);
  });

  test("new ones are filled from the image, with owner and mode; used ones are not", async () => {
    const { out } = await output("ls /etc/passwd; stat -c %a /etc", { mounts: named("conf:/etc") });
    expect(out).toBe("/etc/passwd\n755\n");
    await output("rm /etc/passwd", { mounts: named("conf:/etc") });
    expect(
      (await output("ls /etc/passwd 2>/dev/null || echo gone", { mounts: named("conf:/etc") })).out,
    ).toBe("gone\n");
    expect((await output("ls -A /etc | wc -l", { mounts: named("bare:/etc:nocopy") })).out).toBe("3\n");
  });

  test("anonymous ones go with --rm or rm -v and stay otherwise", async () => {
    const config = { Volumes: { "/data": {} } };
    await output("touch /data/x", { autoRemove: true }, config);
    expect(home.containers.volumes.list()).toEqual([]);
    const { id } = await output("touch /data/x", {}, config);
    const [volume] = home.containers.volumes.list();
    expect(readdirSync(volume!.mountpoint)).toEqual(["x"]);
    await home.containers.remove(id);
    expect(home.containers.volumes.list()).toHaveLength(1);
    home.containers.volumes.remove(volume!.name);
    expect(existsSync(volume!.mountpoint)).toBe(false);
  });

  test("CVE-2022-23648: a VOLUME that is a link or climbs out copies nothing of the host", async () => {
    const secret = mkdtempSync(join(tmpdir(), "strake-secret-"));
    writeFileSync(join(secret, "key"), "host\n");
    symlinkSync(secret, join(home.image, "volume-link"));
    symlinkSync("../../../../../../../..", join(home.image, "volume-up"));
    mkdirSync(join(home.image, "holds"));
    symlinkSync(join(secret, "key"), join(home.image, "holds/inner"));
    for (const path of ["/volume-link", `/volume-up${secret}`, `/../..${secret}`, `/x/../../..${secret}`]) {
      const { out } = await output(
        `find ${path}/ -name key 2>/dev/null`,
        { mounts: [] },
        { Volumes: { [path]: {} } },
      );
      expect(out).toBe("");
    }
    // Links inside are copied as what they are.
    const { out } = await output(
      "readlink /holds/inner; cat /holds/inner 2>&1",
      {},
      { Volumes: { "/holds": {} } },
    );
    expect(out).toStartWith(`${secret}/key\n`);
    expect(out).not.toContain("host\n");
    for (const volume of home.containers.volumes.list())
      expect(readdirSync(volume.mountpoint)).not.toContain("key");
    for (const name of ["volume-link", "volume-up", "holds"])
      rmSync(join(home.image, name), { recursive: true });
    rmSync(secret, { recursive: true });
  });
});
