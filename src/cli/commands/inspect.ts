import type { Containers } from "../../container/index.ts";
import type { Engine } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";
import type { Handler } from "../command.ts";
import type { inspectFlags } from "../spec/containers.ts";
import type { imageInspectFlags } from "../spec/images.ts";
import { imageDocument } from "../text/image-document.ts";

export const inspect: Handler<typeof inspectFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  return await printFound(cli, args, flags.format, async (name) => {
    const container = flags.type === "image" ? undefined : await inspectedContainer(engine, name);
    if (container !== undefined) return container;
    if (flags.type === "container")
      throw new StrakeError("CONTAINER_NOT_FOUND", `there is no container ${JSON.stringify(name)}`);
    return inspectedImage(engine, name);
  });
};

export const imageInspect: Handler<typeof imageInspectFlags> = async (cli, { args, flags }) => {
  const engine = await cli.engine();
  return await printFound(cli, args, flags.format, async (name) => inspectedImage(engine, name));
};

/** What is there is printed, whatever else is not. */
async function printFound(
  cli: Cli,
  names: readonly string[],
  format: string | undefined,
  find: (name: string) => Promise<unknown>,
): Promise<number> {
  const found: unknown[] = [];
  let missing: StrakeError | undefined;
  for (const name of names)
    try {
      found.push(await find(name));
    } catch (error) {
      if (!(error instanceof StrakeError)) throw error;
      missing ??= error;
    }
  if (found.length > 0 || missing === undefined) await printDocuments(cli, found, format);
  if (missing !== undefined) throw missing;
  return 0;
}

async function inspectedContainer(engine: Engine, name: string): Promise<unknown> {
  const containers: Containers = await engine.containers();
  try {
    return containers.inspect(name);
  } catch (error) {
    if (error instanceof StrakeError && error.code === "CONTAINER_NOT_FOUND") return undefined;
    throw error;
  }
}

function inspectedImage(engine: Engine, name: string): unknown {
  try {
    return imageDocument(engine.image(name), engine.config(name));
  } catch (error) {
    if (!(error instanceof StrakeError) || error.code !== "IMAGE_NOT_FOUND") throw error;
    throw new StrakeError("IMAGE_NOT_FOUND", `there is no container or image ${JSON.stringify(name)}`, {
      hint: "strake ps -a and strake images list what there is",
    });
  }
}

/** The documents as a list in JSON, or each by a template. */
export async function printDocuments(
  cli: Cli,
  documents: readonly unknown[],
  format: string | undefined,
): Promise<void> {
  if (format === undefined) cli.print(`${JSON.stringify(documents, undefined, 4)}\n`);
  else if (format === "json") cli.print(`${JSON.stringify(documents)}\n`);
  else {
    const { compileTemplate } = await import("../template/index.ts");
    const render = compileTemplate(format);
    cli.print(documents.map((document) => `${render(document)}\n`).join(""));
  }
}
