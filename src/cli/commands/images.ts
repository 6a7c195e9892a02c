import type { ImageSummary } from "../../engine/index.ts";
import { familiarName, formatReference, parseReference, withDefaultTag } from "../../oci/index.ts";
import type { Handler } from "../command.ts";
import type { imagesFlags } from "../spec/images.ts";
import { ago, humanSize, shortId } from "../text/human.ts";
import { type Column, printList } from "../text/list.ts";
import { filters } from "../text/pairs.ts";

interface Row {
  readonly summary: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const none = "<none>";

export const images: Handler<typeof imagesFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  const wanted = filters(flags.filter, ["dangling", "label", "reference", "before", "since"]);
  const full = flags["no-trunc"];
  const now = cli.now();
  const timeOf = (name: string) => createdAt(engine.image(name)) ?? 0;
  const rows = engine
    .images()
    .filter((summary) => {
      const { image } = summary;
      const dangling = wanted.get("dangling")?.at(-1);
      if (dangling !== undefined && (dangling === "true" || dangling === "1") !== (image.tags.length === 0))
        return false;
      const created = createdAt(summary) ?? 0;
      if (!(wanted.get("before") ?? []).every((name) => created < timeOf(name))) return false;
      if (!(wanted.get("since") ?? []).every((name) => created > timeOf(name))) return false;
      return (wanted.get("label") ?? []).every((label) =>
        hasLabel(engine.config(image.id).config?.Labels, label),
      );
    })
    .sort((a, b) => (createdAt(b) ?? 0) - (createdAt(a) ?? 0))
    .flatMap(rowsOf)
    .filter((row) => args[0] === undefined || isNamed(row, args[0]))
    .filter((row) =>
      (wanted.get("reference") ?? [undefined]).some((glob) => glob === undefined || matches(row, glob)),
    );
  const id = ({ summary }: Row) => (full ? summary.image.id : shortId(summary.image.id));
  const digestColumn: Column<Row> = { head: "DIGEST", field: "Digest", value: (row) => row.digest };
  const columns: Column<Row>[] = [
    { head: "REPOSITORY", field: "Repository", value: (row) => row.repository },
    { head: "TAG", field: "Tag", value: (row) => row.tag },
    ...(flags.digests ? [digestColumn] : []),
    { head: "IMAGE ID", field: "ID", value: id },
    { head: "CREATED", field: "CreatedSince", value: ({ summary }) => ago(createdAt(summary), now) },
    { head: "SIZE", field: "Size", value: ({ summary }) => humanSize(summary.size) },
  ];
  await printList(cli, {
    rows,
    columns,
    more: [
      { field: "CreatedAt", value: ({ summary }) => summary.image.created ?? "" },
      { field: "VirtualSize", value: ({ summary }) => humanSize(summary.size) },
      // As docker's list, which leaves them to `df -v`.
      { field: "SharedSize", value: () => "N/A" },
      { field: "UniqueSize", value: () => "N/A" },
      { field: "Containers", value: ({ summary }) => String(summary.containers.length) },
      ...(flags.digests ? [] : [digestColumn]),
    ],
    format: flags.format,
    quiet: flags.quiet,
    id,
  });
  return 0;
};

function rowsOf(summary: ImageSummary): Row[] {
  const digest = summary.image.manifest?.digest ?? none;
  if (summary.image.tags.length === 0) return [{ summary, repository: none, tag: none, digest }];
  return summary.image.tags.map((name) => {
    const reference = parseReference(name);
    return { summary, repository: familiarName(reference), tag: reference.tag ?? none, digest };
  });
}

function createdAt({ image }: ImageSummary): number | undefined {
  return image.created === undefined ? undefined : Date.parse(image.created);
}

/** A repository shows all its tags, a whole reference only itself, a pattern what it fits. */
function isNamed(row: Row, name: string): boolean {
  if (/[*?[]/.test(name)) return matches(row, name);
  const reference = parseReference(name);
  if (row.repository !== familiarName(reference)) return false;
  return reference.tag === undefined || reference.tag === row.tag;
}

function matches(row: Row, pattern: string): boolean {
  if (row.repository === none) return false;
  const name = formatReference(withDefaultTag(parseReference(`${row.repository}:${row.tag}`)));
  const glob = new Bun.Glob(pattern);
  return [row.repository, `${row.repository}:${row.tag}`, name].some((text) => glob.match(text));
}

function hasLabel(labels: Readonly<Record<string, string>> | undefined, wanted: string): boolean {
  const at = wanted.indexOf("=");
  const value = labels?.[at < 0 ? wanted : wanted.slice(0, at)];
  return value !== undefined && (at < 0 || value === wanted.slice(at + 1));
}
