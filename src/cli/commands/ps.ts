import { type ContainerRecord, describeState, formatPort, parseFilters } from "../../container/index.ts";
import type { Handler } from "../command.ts";
import type { psFlags } from "../spec/containers.ts";
import { ago, humanSize, shortId, truncate } from "../text/human.ts";
import { type Column, printList } from "../text/list.ts";

const commandWidth = 20;
const mountWidth = 15;

export const ps: Handler<typeof psFlags> = async (cli, { flags }) => {
  const engine = await cli.engine();
  const containers = await engine.containers();
  const filter = parseFilters(flags.filter);
  const count = flags.latest ? 1 : flags.last;
  const all = flags.all || count !== undefined || filter.status !== undefined || filter.exited !== undefined;
  const rows = containers
    .list(filter)
    .filter(({ state }) => all || state.status === "running")
    .slice(0, count !== undefined && count >= 0 ? count : undefined);
  const full = flags["no-trunc"];
  const now = cli.now();
  const id = (row: ContainerRecord) => (full ? row.id : shortId(row.id));
  const columns: Column<ContainerRecord>[] = [
    { head: "CONTAINER ID", field: "ID", value: id },
    { head: "IMAGE", field: "Image", value: (row) => imageName(row.image.reference) },
    {
      head: "COMMAND",
      field: "Command",
      value: ({ args }) => quote(full ? shown(args) : truncate(shown(args), commandWidth)),
    },
    { head: "CREATED", field: "RunningFor", value: (row) => ago(row.createdAt, now) },
    { head: "STATUS", field: "Status", value: (row) => describeState(row.state, now) },
    { head: "PORTS", field: "Ports", value: ports },
    { head: "NAMES", field: "Names", value: (row) => row.name },
  ];
  // Walks over every writable layer: only when asked for.
  const sizes = new Map<string, string>();
  if (flags.size || /\.Size\b/.test(flags.format ?? ""))
    for (const row of rows) {
      const { written, whole } = await engine.containerSize(row);
      sizes.set(row.id, `${humanSize(written)} (virtual ${humanSize(whole)})`);
    }
  const size = { field: "Size", value: (row: ContainerRecord) => sizes.get(row.id) ?? "" };
  if (flags.size) columns.push({ head: "SIZE", ...size });
  await printList(cli, {
    rows,
    columns,
    more: [
      ...(flags.size ? [] : [size]),
      { field: "CreatedAt", value: (row) => new Date(row.createdAt).toISOString() },
      { field: "State", value: (row) => row.state.status },
      {
        field: "LocalVolumes",
        value: (row) => String(row.mounts.filter(({ type }) => type === "volume").length),
      },
      { field: "Networks", value: (row) => row.network },
      {
        field: "Labels",
        value: (row) =>
          Object.entries(row.labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(","),
      },
      {
        field: "Mounts",
        value: (row) =>
          row.mounts
            .flatMap((mount) =>
              mount.type === "tmpfs" ? [] : mount.type === "bind" ? [mount.source] : [mount.name],
            )
            .map((source) => (full ? source : truncate(source, mountWidth)))
            .join(","),
      },
      {
        field: "Label",
        value:
          ({ labels }) =>
          (name) =>
            labels[String(name)] ?? "",
      },
    ],
    format: flags.format,
    quiet: flags.quiet,
    id,
  });
  return 0;
};

/** Words with blanks in them stand out, as in Docker's list. */
const shown = (args: readonly string[]) =>
  args.map((word) => (word.includes(" ") ? `'${word}'` : word)).join(" ");

const quote = (text: string) => JSON.stringify(text);

function ports(row: ContainerRecord): string {
  if (row.state.status !== "running") return "";
  const published = row.endpoint?.ports ?? [];
  const open = row.exposedPorts
    .map((port) => (port.includes("/") ? port : `${port}/tcp`))
    .filter((port) => !published.some((mapping) => `${mapping.containerPort}/${mapping.protocol}` === port));
  return [...published.map(formatPort), ...open].join(", ");
}

function imageName(reference: string): string {
  return reference.startsWith("sha256:") ? shortId(reference) : reference;
}
