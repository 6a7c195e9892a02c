import { basename, resolve } from "node:path";
import { artifactFile, type SendArtifactOptions } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { type Descriptor, isMediaType } from "../../oci/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type { artifactFlags } from "../spec/remote.ts";
import { remoteOptions } from "./remote-options.ts";

interface ArtifactFlags {
  readonly "artifact-type": string | undefined;
  readonly "media-type": string | undefined;
  readonly annotation: readonly string[];
}

/** The artifact of `FILE` and `FILE:MEDIA/TYPE` words, each file called by its last name. Errors: USAGE. */
export async function artifactOf(cli: Cli, words: readonly string[], flags: ArtifactFlags) {
  const artifactType = flags["artifact-type"] ?? "";
  const otherwise = flags["media-type"] ?? "application/octet-stream";
  for (const type of [artifactType, otherwise])
    if (!isMediaType(type))
      throw new StrakeError("USAGE", `${JSON.stringify(type)} is not a media type`, {
        hint: "--artifact-type says what it is, for example application/spdx+json",
      });
  const files = [];
  for (const word of words) {
    const { path, mediaType } = split(word, otherwise);
    files.push(
      await artifactFile(resolve(cli.cwd, path), { mediaType, name: basename(path), signal: cli.signal }),
    );
  }
  const annotations = Object.fromEntries(flags.annotation.map(pair));
  return { artifactType, files, ...(flags.annotation.length > 0 ? { annotations } : {}) };
}

/** Sends an artifact with its progress shown, and prints its digest. Gives the exit code. */
export async function showSent(
  cli: Cli,
  flags: FlagValues<typeof artifactFlags>,
  send: (options: SendArtifactOptions) => Promise<Descriptor>,
): Promise<number> {
  const display = openDisplay(cli, flags.progress);
  let sent: Descriptor;
  try {
    sent = await send({
      ...remoteOptions(cli, flags),
      store: async () => (await cli.engine()).store,
      emit: display.emit,
    });
  } finally {
    display.end();
  }
  cli.print(`${sent.digest}\n`);
  return 0;
}

function split(word: string, otherwise: string): { path: string; mediaType: string } {
  const colon = word.lastIndexOf(":");
  const mediaType = word.slice(colon + 1);
  if (colon > 0 && isMediaType(mediaType)) return { path: word.slice(0, colon), mediaType };
  return { path: word, mediaType: otherwise };
}

function pair(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new StrakeError("USAGE", `${JSON.stringify(text)} is not KEY=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}
