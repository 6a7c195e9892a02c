import type { Handler } from "../command.ts";
import type { imagePruneFlags } from "../spec/images.ts";
import { humanSize } from "../text/human.ts";
import { filters } from "../text/pairs.ts";
import { parseTime } from "../text/time.ts";
import { confirm } from "./confirm.ts";

export const imagePrune: Handler<typeof imagePruneFlags> = async (cli, { flags }) => {
  const engine = await cli.engine();
  const wanted = filters(flags.filter, ["until", "label"]);
  const which = flags.all ? "all images that no container uses" : "images without a name";
  if (!flags.force && !(await confirm(cli, `remove ${which}?`))) return 1;
  const until = wanted.get("until")?.map((text) => parseTime(text, cli.now()));
  const { removed, freed } = engine.pruneImages({
    all: flags.all,
    keep: (image) => {
      if (until !== undefined && !until.every((time) => image.addedAt < time)) return true;
      const labels = engine.config(image.id).config?.Labels ?? {};
      return !(wanted.get("label") ?? []).every((label) => {
        const at = label.indexOf("=");
        return at < 0 ? label in labels : labels[label.slice(0, at)] === label.slice(at + 1);
      });
    },
  });
  for (const { id } of removed) cli.print(`Deleted: ${id}\n`);
  cli.print(`Total reclaimed space: ${humanSize(freed)}\n`);
  return 0;
};
