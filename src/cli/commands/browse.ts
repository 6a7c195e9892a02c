import {
  deleteRemote,
  inspectConfig,
  inspectManifest,
  listReferrers,
  listRepositories,
  listTags,
  resolveRemote,
} from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { familiarName, parseReference } from "../../oci/index.ts";
import type { Cli } from "../cli.ts";
import type { Handler } from "../command.ts";
import type {
  deleteFlags,
  digestFlags,
  listRemoteFlags,
  manifestInspectFlags,
  referrersFlags,
  tagsFlags,
} from "../spec/remote.ts";
import { printFacts } from "../text/list.ts";
import { printRows } from "../text/rows.ts";
import { forEachName } from "./each.ts";
import { describeList } from "./manifest-list.ts";
import { remoteName } from "./remote-name.ts";
import { remoteOptions } from "./remote-options.ts";

/** Tags that clients make for what refers to an image: referrers, and what cosign keeps. */
const digestTag = /^sha(?:256|512)-[0-9a-f]{64,}(?:\.\w+)?$/;

type Listing = Handler<typeof listRemoteFlags>;

export const tags: Handler<typeof tagsFlags> = async (cli, { args, flags }) => {
  const reference = remoteName(args[0]!);
  const name = familiarName(parseReference(reference));
  const pattern = args[1] === undefined ? undefined : new Bun.Glob(args[1]);
  async function* wanted() {
    for await (const tag of listTags(reference, remoteOptions(cli, flags)))
      if ((pattern?.match(tag) ?? true) && !(flags["exclude-digest-tags"] && digestTag.test(tag))) yield tag;
  }
  await printRows(cli, wanted(), {
    fields: [
      { name: "Repository", head: "REPOSITORY", value: () => name },
      { name: "Tag", head: "TAG", value: (tag) => tag },
    ],
    line: (tag) => tag,
    format: flags.format,
  });
  return 0;
};

export const catalog: Listing = async (cli, { args, flags }) => {
  const host = args[0]!;
  await printRepositories(cli, host, {
    names: listRepositories(host, remoteOptions(cli, flags)),
    format: flags.format,
  });
  return 0;
};

export const search: Listing = async (cli, { args, flags }) => {
  const slash = args[0]!.indexOf("/");
  if (slash < 1)
    throw new StrakeError("USAGE", "what to search is written as REGISTRY/TEXT", {
      hint: "for example strake search registry.example/web",
    });
  const [host, text] = [args[0]!.slice(0, slash), args[0]!.slice(slash + 1)];
  async function* found() {
    for await (const name of listRepositories(host, remoteOptions(cli, flags)))
      if (name.includes(text)) yield name;
  }
  await printRepositories(cli, host, { names: found(), format: flags.format });
  return 0;
};

async function printRepositories(
  cli: Cli,
  host: string,
  { names, format }: { names: AsyncIterable<string>; format: string | undefined },
): Promise<void> {
  await printRows(cli, names, {
    fields: [
      { name: "Registry", head: "REGISTRY", value: () => host },
      { name: "Name", head: "NAME", value: (name) => name },
    ],
    line: (name) => name,
    format,
  });
}

export const digest: Handler<typeof digestFlags> = async (cli, { args, flags }) => {
  const name = remoteName(args[0]!);
  const { digest, mediaType, size } = await resolveRemote(name, {
    ...remoteOptions(cli, flags),
    ...(flags.platform === undefined ? {} : { platform: flags.platform }),
  });
  const facts = { Reference: name, Digest: digest, MediaType: mediaType, Size: size };
  await printFacts(cli, facts, flags.format, () => `${digest}\n`);
  return 0;
};

export const deleteReferences: Handler<typeof deleteFlags> = async (cli, { args, flags }) =>
  await forEachName(cli, args.map(remoteName), async (name) => {
    const { tags, digest } = await deleteRemote(name, {
      ...remoteOptions(cli, flags),
      allTags: flags["all-tags"],
    });
    const others = tags.slice(1).map((tag) => `\nDeleted: ${withTag(name, tag)}`);
    const manifest = digest !== undefined && tags.length > 0 ? `\nDeleted: ${digest}` : "";
    return `Deleted: ${name}${others.join("")}${manifest}`;
  });

function withTag(name: string, tag: string): string {
  return `${name.slice(0, name.lastIndexOf(":"))}:${tag}`;
}

export const manifestInspect: Handler<typeof manifestInspectFlags> = async (cli, { args, flags }) => {
  const name = remoteName(args[0]!);
  // `docker://` asks for the registry's, whatever lists are here.
  const list = flags.raw || flags.config || name !== args[0] ? undefined : await describeList(cli, name);
  if (list !== undefined) {
    cli.print(list);
    return 0;
  }
  const { raw } = await (flags.config ? inspectConfig : inspectManifest)(name, {
    ...remoteOptions(cli, flags),
    ...(flags.platform === undefined ? {} : { platform: flags.platform }),
  });
  cli.print(flags.raw ? raw : indented(raw));
  return 0;
};

/** An artifact may have anything as its configuration, which is not for a terminal unseen. Errors: MEDIA_TYPE_UNSUPPORTED. */
function indented(raw: Uint8Array): string {
  try {
    return `${JSON.stringify(JSON.parse(new TextDecoder().decode(raw)), null, 2)}\n`;
  } catch (cause) {
    throw new StrakeError("MEDIA_TYPE_UNSUPPORTED", "what is there is no JSON", {
      hint: "--raw gives its bytes",
      cause,
    });
  }
}

export const referrers: Handler<typeof referrersFlags> = async (cli, { args, flags }) => {
  const type = flags["artifact-type"];
  const found = await listReferrers(remoteName(args[0]!), {
    ...remoteOptions(cli, flags),
    ...(type === undefined ? {} : { artifactType: type }),
  });
  await printRows(cli, found, {
    fields: [
      { name: "Digest", head: "DIGEST", value: ({ digest }) => digest },
      { name: "ArtifactType", head: "ARTIFACT TYPE", value: ({ artifactType }) => artifactType ?? "" },
      { name: "MediaType", head: "MEDIA TYPE", value: ({ mediaType }) => mediaType },
      { name: "Size", head: "SIZE", value: ({ size }) => size },
      { name: "Annotations", head: "ANNOTATIONS", value: ({ annotations }) => annotations ?? {} },
    ],
    line: ({ digest, artifactType, size }) => `${digest}  ${artifactType ?? "-"}  ${size}`,
    format: flags.format,
  });
  return 0;
};
