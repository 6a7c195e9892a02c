import {
  deleteRemote,
  inspectManifest,
  listReferrers,
  listRepositories,
  listTags,
  remoteDigest,
} from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import type { listRemoteFlags, manifestInspectFlags, referrersFlags } from "../spec/remote.ts";
import { forEachName } from "./each.ts";
import { describeList } from "./manifest-list.ts";
import { remoteOptions } from "./remote-options.ts";

type Listing = Handler<typeof listRemoteFlags>;

export const tags: Listing = async (cli, { args, flags }) => {
  for await (const tag of listTags(args[0]!, remoteOptions(cli, flags))) cli.print(`${tag}\n`);
  return 0;
};

export const catalog: Listing = async (cli, { args, flags }) => {
  for await (const name of listRepositories(args[0]!, remoteOptions(cli, flags))) cli.print(`${name}\n`);
  return 0;
};

export const search: Listing = async (cli, { args, flags }) => {
  const slash = args[0]!.indexOf("/");
  if (slash < 1)
    throw new StrakeError("USAGE", "what to search is written as REGISTRY/TEXT", {
      hint: "for example strake search registry.example/web",
    });
  const text = args[0]!.slice(slash + 1);
  for await (const name of listRepositories(args[0]!.slice(0, slash), remoteOptions(cli, flags)))
    if (name.includes(text)) cli.print(`${name}\n`);
  return 0;
};

export const digest: Listing = async (cli, { args, flags }) => {
  cli.print(`${await remoteDigest(args[0]!, remoteOptions(cli, flags))}\n`);
  return 0;
};

export const deleteReferences: Listing = async (cli, { args, flags }) =>
  await forEachName(cli, args, async (name) => {
    await deleteRemote(name, remoteOptions(cli, flags));
    return `Deleted: ${name}`;
  });

export const manifestInspect: Handler<typeof manifestInspectFlags> = async (cli, { args, flags }) => {
  const list = flags.raw ? undefined : await describeList(cli, args[0]!);
  if (list !== undefined) {
    cli.print(list);
    return 0;
  }
  const { raw, value } = await inspectManifest(args[0]!, {
    ...remoteOptions(cli, flags),
    ...(flags.platform === undefined ? {} : { platform: flags.platform }),
  });
  cli.print(flags.raw ? raw : `${JSON.stringify(value, null, 2)}\n`);
  return 0;
};

export const referrers: Handler<typeof referrersFlags> = async (cli, { args, flags }) => {
  const type = flags["artifact-type"];
  const found = await listReferrers(args[0]!, {
    ...remoteOptions(cli, flags),
    ...(type === undefined ? {} : { artifactType: type }),
  });
  for (const { digest, artifactType, size } of found)
    cli.print(`${digest}  ${artifactType ?? "-"}  ${size}\n`);
  return 0;
};
