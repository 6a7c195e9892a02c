import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { attachArtifact } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { isMediaType } from "../../oci/index.ts";
import type { Handler } from "../command.ts";
import type { attachFlags } from "../spec/remote.ts";
import { remoteOptions } from "./remote-options.ts";

export const attach: Handler<typeof attachFlags> = async (cli, { args, flags }) => {
  const [name, ...files] = args;
  const artifactType = flags["artifact-type"] ?? "";
  const mediaType = flags["media-type"] ?? "application/octet-stream";
  for (const type of [artifactType, mediaType])
    if (!isMediaType(type))
      throw new StrakeError("USAGE", `${JSON.stringify(type)} is not a media type`, {
        hint: "--artifact-type says what is attached, for example application/spdx+json",
      });
  const descriptor = await attachArtifact(
    name!,
    {
      artifactType,
      files: files.map((file) => ({
        mediaType,
        content: read(resolve(cli.cwd, file)),
        name: basename(file),
      })),
      annotations: Object.fromEntries(flags.annotation.map(pair)),
    },
    remoteOptions(cli, flags),
  );
  cli.print(`${descriptor.digest}\n`);
  return 0;
};

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new StrakeError("USAGE", `${path} cannot be read`, { cause });
  }
}

function pair(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new StrakeError("USAGE", `${JSON.stringify(text)} is not KEY=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}
