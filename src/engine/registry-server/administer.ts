import { existsSync } from "node:fs";
import { join } from "node:path";
import { StrakeError } from "../../errors/index.ts";
import {
  type Administration,
  ControlClient,
  type ObjectStore,
  openAdministration,
  type ServerConfig,
} from "../../registry/server/index.ts";
import { changeableOptions } from "./options.ts";
import { configOf, controlSocket, type ServeRegistryRequest } from "./serve.ts";
import { defaultFolder, openStorage } from "./storage.ts";

/**
 * What is done to a registry beside serving it. A folder that is being served is worked on by the process that serves
 * it; a bucket is worked on directly, whoever serves it. Errors: USAGE, REGISTRY_SERVER_CONFIG, REGISTRY_STORAGE,
 * REGISTRY_STORAGE_BUSY.
 */
export async function administerRegistry(
  request: Omit<ServeRegistryRequest, "listen" | "open" | "log">,
): Promise<{ administration: Administration; config: ServerConfig } & AsyncDisposable> {
  const env = request.env ?? process.env;
  const config = configOf(request);
  if (config.storage.driver === "memory")
    throw new StrakeError("USAGE", "a registry in memory ends with its process: there is nothing to work on");
  const folder = config.storage.driver === "files" ? (config.storage.root ?? defaultFolder(env)) : undefined;
  if (folder !== undefined && !existsSync(join(folder, "objects")))
    throw new StrakeError("USAGE", `there is no registry in ${folder}`, {
      hint: "say where it is with --root or --config",
    });
  const options = {
    ...changeableOptions({ ...config, tls: undefined }, undefined),
    ...{ proxy: config.proxy, names: config.names },
  };
  let storage: ObjectStore;
  try {
    storage = await openStorage(config.storage, { env });
  } catch (error) {
    if (folder === undefined || !(error instanceof StrakeError && error.code === "REGISTRY_STORAGE_BUSY"))
      throw error;
    const administration = new ControlClient(join(folder, controlSocket));
    return { administration, config, [Symbol.asyncDispose]: async () => {} };
  }
  try {
    return { ...(await openAdministration({ ...options, storage })), config };
  } catch (error) {
    await storage[Symbol.asyncDispose]();
    throw error;
  }
}
