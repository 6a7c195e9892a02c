import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeConfig, sha256 } from "../../src/oci/index.ts";
import { dockerFiles, tarOf } from "./archives.ts";
import { makeBusyboxTar } from "./busybox.ts";
import type { Strake } from "./strake.ts";

/** An archive of an image with these layers over busybox, as somebody hostile could hand it out; the path of its file. */
export async function craftArchive(
  strake: Strake,
  name: string,
  layers: readonly Uint8Array[],
  config: Record<string, unknown> = {},
  more: Record<string, unknown> = {},
): Promise<string> {
  const all = [makeBusyboxTar(), ...layers].map((layer) => Buffer.from(layer));
  const bytes = Buffer.from(
    encodeConfig({
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config: { Env: ["PATH=/bin"], Cmd: ["sh"], ...config },
      rootfs: { type: "layers", diff_ids: all.map((layer) => sha256(layer)) },
      ...more,
    }),
  );
  const archive = join(strake.home, `crafted-${name.replaceAll(/[^\w]/g, "-")}.tar`);
  writeFileSync(
    archive,
    await tarOf(dockerFiles({ layers: all, config: bytes, id: sha256(bytes) }, [`${name}:latest`])),
  );
  return archive;
}
