import { familiarReference, parseReference } from "../../oci/index.ts";
import type { DiskUsage, KindUsage } from "../../store/index.ts";
import type { Cli } from "../cli.ts";
import type { Handler } from "../command.ts";
import type { dfFlags } from "../spec/machine.ts";
import { humanSize, shortId } from "../text/human.ts";
import { printList } from "../text/list.ts";
import { renderTable } from "../text/table.ts";

interface Row extends KindUsage {
  readonly type: string;
}

export const df: Handler<typeof dfFlags> = async (cli, { flags }) => {
  const engine = await cli.engine();
  const usage = engine.store.df();
  const containers = (await engine.containers()).list();
  const running = containers.filter(({ state }) => state.status === "running").length;
  const idle = (part: { count: number; size: number }, active: number): KindUsage => ({
    ...part,
    active,
    reclaimable: active === 0 ? part.size : 0,
  });
  const volumes = new Set(
    containers.flatMap(({ mounts }) => mounts.flatMap((m) => (m.type === "volume" ? [m.name] : []))),
  );
  const rows: Row[] = [
    { type: "Images", ...usage.images },
    { type: "Containers", ...idle(usage.containers, running) },
    { type: "Local Volumes", ...idle(usage.volumes, Math.min(volumes.size, usage.volumes.count)) },
    { type: "Build Cache", ...usage.buildCache },
  ];
  await printList(cli, {
    rows,
    columns: [
      { head: "TYPE", field: "Type", value: (row) => row.type },
      { head: "TOTAL", field: "TotalCount", value: (row) => String(row.count) },
      { head: "ACTIVE", field: "Active", value: (row) => String(row.active) },
      { head: "SIZE", field: "Size", value: (row) => humanSize(row.size) },
      { head: "RECLAIMABLE", field: "Reclaimable", value: reclaimable },
    ],
    format: flags.format,
  });
  if (flags.verbose && flags.format === undefined) details(cli, usage, engine.images());
  return 0;
};

function reclaimable({ size, reclaimable: bytes }: KindUsage): string {
  return `${humanSize(bytes)}${size > 0 ? ` (${Math.round((100 * bytes) / size)}%)` : ""}`;
}

type Summaries = ReturnType<Awaited<ReturnType<Cli["engine"]>>["images"]>;

function details(cli: Cli, usage: DiskUsage, summaries: Summaries): void {
  const names = new Map(summaries.map(({ image }) => [image.id, image.tags]));
  cli.print("\nImages: shared is in other images too, unique goes with the image\n\n");
  cli.print(
    renderTable(
      ["IMAGE", "ID", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"],
      usage.images.each.map(({ id, size, shared, unique, containers }) => [
        (names.get(id) ?? []).map((tag) => familiarReference(parseReference(tag))).join(" ") || "<none>",
        ...[shortId(id), humanSize(size), humanSize(shared), humanSize(unique), String(containers)],
      ]),
    ),
  );
  const users = new Map<string, { size: number; images: number }>();
  for (const { layers } of summaries)
    for (const { diffID, size } of layers)
      users.set(diffID, { size, images: (users.get(diffID)?.images ?? 0) + 1 });
  cli.print("\nLayers of images\n\n");
  cli.print(
    renderTable(
      ["LAYER", "SIZE", "IMAGES"],
      [...users]
        .sort(([, a], [, b]) => b.size - a.size)
        .map(([diffID, { size, images }]) => [shortId(diffID), humanSize(size), String(images)]),
    ),
  );
}
