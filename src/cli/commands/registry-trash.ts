import { administerRegistry } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { isDigest } from "../../oci/index.ts";
import type { Handler } from "../command.ts";
import type { registryTrashFlags } from "../spec/registry.ts";
import { ago } from "../text/human.ts";
import { printList } from "../text/list.ts";
import { placeOf } from "./registry-place.ts";

export const registryTrash: Handler<typeof registryTrashFlags> = async (cli, { args, flags }) => {
  const [word, repository, digest] = args;
  // As volumes, networks and images have it.
  const verb = word === "ls" ? "list" : word;
  if (verb !== "list" && verb !== "restore" && verb !== "empty")
    throw new StrakeError("USAGE", "strake registry trash takes list, restore or empty");
  await using opened = await administerRegistry({ ...placeOf(cli, flags), env: cli.env });
  const { administration } = opened;
  if (verb === "empty") {
    const count = await administration.emptyTrash(repository);
    cli.print(`${count} entries given up; what only they needed goes with the next collections\n`);
    return 0;
  }
  if (verb === "list") {
    await printList(cli, {
      rows: await administration.trash(repository),
      columns: [
        { head: "REPOSITORY", field: "Repository", value: (entry) => entry.repository },
        { head: "DIGEST", field: "Digest", value: (entry) => entry.digest },
        { head: "TAGS", field: "Tags", value: (entry) => entry.tags.join(",") || "-" },
        { head: "DELETED", field: "Deleted", value: (entry) => ago(entry.deletedAt, cli.now()) },
      ],
      format: flags.format,
    });
    return 0;
  }
  if (repository === undefined || digest === undefined || !isDigest(digest))
    throw new StrakeError("USAGE", "restore needs a repository and a digest", {
      hint: "strake registry trash list shows them",
    });
  const tags = await administration.restore(repository, digest);
  if (!tags)
    throw new StrakeError("REGISTRY_NOT_FOUND", `${repository}@${digest} cannot be had back`, {
      hint: "it was not deleted from there, or its time is over",
    });
  const names = tags.map((tag) => `${repository}:${tag}`);
  cli.print(`restored ${repository}@${digest}${names.length > 0 ? ` with ${names.join(", ")}` : ""}\n`);
  return 0;
};
