import { Engine } from "../engine/index.ts";

/**
 * Opens the engine over the user's store. A module of its own because it names what it takes of the engine: a dynamic import of the
 * engine's index would load all that the index names, the registry client and server with it (6 ms).
 */
export function openEngine(warn: (message: string) => void): Engine {
  return Engine.open({ warn });
}
