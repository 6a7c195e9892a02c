import { join } from "node:path";
import type { Containers } from "../container/index.ts";
import type { Store } from "../store/index.ts";

interface Options {
  readonly command?: readonly string[];
  readonly warn?: (message: string) => void;
}

/** The containers of a store, bound to the program that cleans up after them. */
export async function openContainersOf(store: Store, options: Options): Promise<Containers> {
  const { openContainers } = await import("../container/index.ts");
  const containers = openContainers(store, {
    cleanupCommand: [...(options.command ?? ownCommand()), "container", "cleanup"],
    ...(options.warn ? { warn: options.warn } : {}),
  });
  // What a killed command or a restart of the machine left; 0.2 ms when there is nothing.
  await containers.reconcile();
  return containers;
}

/** How this program is started again: the executable alone when it is compiled, else bun with the source of the CLI. */
function ownCommand(): readonly string[] {
  const isCompiled = import.meta.path.startsWith("/$bunfs/");
  return isCompiled ? [process.execPath] : [process.execPath, join(import.meta.dir, "..", "cli", "main.ts")];
}
