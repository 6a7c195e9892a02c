import { randomBytes } from "node:crypto";
import type { Volume } from "../../container/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Handler } from "../command.ts";
import type {
  volumeCreateFlags,
  volumeInspectFlags,
  volumeListFlags,
  volumePruneFlags,
  volumeRemoveFlags,
} from "../spec/volumes.ts";
import { printList } from "../text/list.ts";
import { pairs } from "../text/pairs.ts";
import { confirm } from "./confirm.ts";
import { forEachName } from "./each.ts";
import { printDocuments } from "./inspect.ts";

export const volumeList: Handler<typeof volumeListFlags> = async (cli, { flags }) => {
  const { volumes } = await (await cli.engine()).containers();
  await printList(cli, {
    rows: volumes.list().toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    columns: [
      { head: "DRIVER", field: "Driver", value: () => "local" },
      { head: "VOLUME NAME", field: "Name", value: ({ name }: Volume) => name },
    ],
    more: [
      { field: "Mountpoint", value: ({ mountpoint }) => mountpoint },
      { field: "Labels", value: ({ labels }) => JSON.stringify(labels) },
    ],
    format: flags.format,
    quiet: flags.quiet,
    id: ({ name }) => name,
  });
  return 0;
};

export const volumeCreate: Handler<typeof volumeCreateFlags> = async (cli, { args, flags }) => {
  const { volumes } = await (await cli.engine()).containers();
  const name = args[0] ?? randomBytes(32).toString("hex");
  const labels = pairs(flags.label, "--label");
  cli.print(`${volumes.create(name, { anonymous: args[0] === undefined, labels }).name}\n`);
  return 0;
};

export const volumeInspect: Handler<typeof volumeInspectFlags> = async (cli, { args, flags }) => {
  const { volumes } = await (await cli.engine()).containers();
  const documents = args.map((name) => {
    const volume = volumes.get(name);
    if (volume === undefined) throw notFound(name);
    return {
      CreatedAt: new Date(volume.createdAt).toISOString(),
      Driver: "local",
      Labels: volume.labels,
      Mountpoint: volume.mountpoint,
      Name: volume.name,
      Options: null,
      Scope: "local",
    };
  });
  await printDocuments(cli, documents, flags.format);
  return 0;
};

export const volumeRemove: Handler<typeof volumeRemoveFlags> = async (cli, { args, flags }) => {
  const containers = await (await cli.engine()).containers();
  return await forEachName(cli, args, async (name) => {
    if (containers.volumes.get(name) === undefined && !flags.force) throw notFound(name);
    await containers.removeVolume(name);
    return undefined;
  });
};

export const volumePrune: Handler<typeof volumePruneFlags> = async (cli, { flags }) => {
  const containers = await (await cli.engine()).containers();
  const unused = containers.volumes
    .list()
    .filter(({ name, anonymous }) => (anonymous || flags.all) && containers.usersOfVolume(name).length === 0);
  if (!flags.force && !(await confirm(cli, `remove ${unused.length} volumes and all that is in them?`)))
    return 1;
  return await forEachName(
    cli,
    unused.map(({ name }) => name),
    async (name) => {
      await containers.removeVolume(name);
      return undefined;
    },
  );
};

function notFound(name: string): StrakeError {
  return new StrakeError("VOLUME_NOT_FOUND", `there is no volume ${JSON.stringify(name)}`, {
    hint: "strake volume ls lists them",
  });
}
