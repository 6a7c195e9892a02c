import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Containers } from "../container/index.ts";
import { StrakeError } from "../errors/index.ts";
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

declare const BUILD_VERSION: string | undefined;

/** How this program is started again: the executable alone when it is strake, else bun with the source of the CLI. Errors: USAGE. */
function ownCommand(): readonly string[] {
  // Only our own build defines it. Somebody else's executable would be run again after each of its containers, and start the next one.
  if (typeof BUILD_VERSION === "string") return [process.execPath];
  const source = join(import.meta.dir, "..", "cli", "main.ts");
  if (existsSync(source)) return [process.execPath, source];
  throw new StrakeError("USAGE", "a bundled program does not know who cleans up after its containers", {
    hint: 'name the strake executable: Engine.open({ command: ["/usr/local/bin/strake"] })',
  });
}
