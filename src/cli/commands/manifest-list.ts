import {
  addToList,
  allLists,
  changed,
  changeList,
  createList,
  entryNamed,
  findList,
  getList,
  keyOf,
  pushList,
  removeList,
} from "../../engine/index.ts";
import { formatPlatform } from "../../oci/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues, Handler } from "../command.ts";
import { openDisplay } from "../render/show.ts";
import type {
  entryFlags,
  manifestAddFlags,
  manifestCreateFlags,
  manifestPushFlags,
} from "../spec/manifest-list.ts";
import { pairs } from "../text/pairs.ts";
import { forEachName } from "./each.ts";
import { remoteOptions } from "./remote-options.ts";

export const manifestCreate: Handler<typeof manifestCreateFlags> = async (cli, { args, flags }) => {
  const { store } = await cli.engine();
  const [name = "", ...images] = args;
  const isOld = flags.amend && getList(store, name) !== undefined;
  if (!isOld) createList(store, name);
  try {
    for (const image of images) await addToList(store, name, { image, ...remoteOptions(cli, flags) });
  } catch (error) {
    // A list that was to hold something and holds a part of it is no use to anybody.
    if (!isOld) removeList(store, name);
    throw error;
  }
  cli.print(`${findList(store, name).reference}\n`);
  return 0;
};

export const manifestAdd: Handler<typeof manifestAddFlags> = async (cli, { args, flags }) => {
  const { store } = await cli.engine();
  const [name = "", ...images] = args;
  for (const image of images)
    await addToList(store, name, { image, changes: changesOf(flags), ...remoteOptions(cli, flags) });
  return 0;
};

export const manifestAnnotate: Handler<typeof entryFlags> = async (cli, { args, flags }) => {
  const { store } = await cli.engine();
  const [name = "", image = ""] = args;
  changeList(store, name, (list) => {
    const entry = entryNamed(list, image);
    return {
      ...list,
      entries: list.entries.map((each) => (each === entry ? changed(each, changesOf(flags)) : each)),
    };
  });
  return 0;
};

export const manifestRemove: Handler<Record<never, never>> = async (cli, { args }) => {
  const { store } = await cli.engine();
  const [name = "", ...images] = args;
  changeList(store, name, (list) => {
    const gone = images.map((image) => entryNamed(list, image));
    return { ...list, entries: list.entries.filter((entry) => !gone.includes(entry)) };
  });
  return 0;
};

export const manifestPush: Handler<typeof manifestPushFlags> = async (cli, { args, flags }) => {
  const { store } = await cli.engine();
  const [list = "", target] = args;
  const display = openDisplay(cli, flags.progress);
  try {
    const digest = await pushList(store, {
      ...{ list, emit: display.emit, ...remoteOptions(cli, flags) },
      ...(target === undefined ? {} : { target: target.replace(/^docker:\/\//, "") }),
    });
    display.end();
    cli.print(`${digest}\n`);
  } finally {
    display.end();
  }
  if (flags.purge) removeList(store, list);
  return 0;
};

export const manifestRm: Handler<Record<never, never>> = async (cli, { args }) => {
  const { store } = await cli.engine();
  return await forEachName(cli, args, async (name) => {
    removeList(store, name);
    return name;
  });
};

export const manifestLs: Handler<Record<never, never>> = async (cli) => {
  const { store } = await cli.engine();
  for (const { reference, entries } of allLists(store)) {
    cli.print(`${reference}\n`);
    for (const entry of entries)
      cli.print(`  ${formatPlatform(entry.platform).padEnd(16)} ${keyOf(entry)}  ${entry.name}\n`);
  }
  return 0;
};

/** The local list of that name as an index would be, the images of the store by their IDs; undefined when there is none. */
export async function describeList(cli: Cli, name: string): Promise<string | undefined> {
  const list = getList((await cli.engine()).store, name);
  if (list === undefined) return undefined;
  const manifests = list.entries.map(({ source, platform, annotations }) => ({
    ...(source.kind === "image" ? { image: source.id } : source.descriptor),
    platform,
    ...(annotations ? { annotations } : {}),
  }));
  return `${JSON.stringify({ schemaVersion: 2, name: list.reference, manifests }, null, 2)}\n`;
}

function changesOf(flags: FlagValues<typeof entryFlags>) {
  const { os, arch, variant, "os-version": version, "os-features": features } = flags;
  return {
    platform: {
      ...(os === undefined ? {} : { os }),
      ...(arch === undefined ? {} : { architecture: arch }),
      ...(variant === undefined ? {} : { variant }),
      ...(version === undefined ? {} : { "os.version": version }),
      ...(features.length === 0 ? {} : { "os.features": features }),
    },
    annotations: pairs(flags.annotation, "--annotation"),
  };
}
