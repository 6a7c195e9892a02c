import type { HistoryRow } from "../../engine/index.ts";
import type { Handler } from "../command.ts";
import type { historyFlags } from "../spec/images.ts";
import { ago, humanSize, shortId, truncate } from "../text/human.ts";
import { type Column, printList } from "../text/list.ts";

const createdByWidth = 45;

export const history: Handler<typeof historyFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  const full = flags["no-trunc"];
  const now = cli.now();
  const id = ({ id: digest }: HistoryRow) =>
    digest === undefined ? "<missing>" : full ? digest : shortId(digest);
  const columns: Column<HistoryRow>[] = [
    { head: "IMAGE", field: "ID", value: id },
    {
      head: "CREATED",
      field: "CreatedSince",
      value: ({ created }) => ago(created === undefined ? undefined : Date.parse(created), now),
    },
    {
      head: "CREATED BY",
      field: "CreatedBy",
      value: ({ createdBy }) => {
        const line = createdBy.replaceAll(/\s+/g, " ");
        return full ? createdBy : truncate(line, createdByWidth);
      },
    },
    { head: "SIZE", field: "Size", value: ({ size }) => humanSize(size) },
    { head: "COMMENT", field: "Comment", value: ({ comment }) => comment },
  ];
  await printList(cli, {
    rows: engine.history(args[0]!),
    columns,
    more: [
      { field: "CreatedAt", value: ({ created }) => created ?? "" },
      { field: "Layer", value: ({ diffID }) => diffID ?? "" },
    ],
    format: flags.format,
    quiet: flags.quiet,
    id,
  });
  return 0;
};
