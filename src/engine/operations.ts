import type { BuildResult } from "../build/index.ts";
import { checkOptions } from "../errors/index.ts";
import type { Registry } from "../registry/server/index.ts";
import type { Image } from "../store/index.ts";
import type { BootstrapOptions } from "./bootstrap.ts";
import type { BuildRequest } from "./build.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import type { ImportRequest } from "./import.ts";
import type { LoadRequest } from "./load.ts";
import type { PullRequest, PullResult } from "./registry/pull.ts";
import type { PushRequest, PushResult } from "./registry/push.ts";
import type { ServeRegistryRequest } from "./registry-server/serve.ts";
import type { SaveRequestOptions } from "./save.ts";

/** Which store a single operation is done on; the machine's own by default. */
export type At = Pick<EngineOptions, "root" | "runRoot">;

/** Builds an image from a Dockerfile: `await build({ context: ".", tags: ["app"] })`. Errors: BUILD_*, DOCKERFILE_*. */
export function build(request: BuildRequest & At): Promise<BuildResult> {
  return once("build", request, (engine, options) => engine.build(options));
}

/** Loads a docker-archive or OCI layout tar. Errors: ARCHIVE_*. */
export function load(request: LoadRequest & At): ReturnType<Engine["load"]> {
  return once("load", request, (engine, options) => engine.load(options));
}

/** Writes images as one tar. Errors: IMAGE_NOT_FOUND. */
export function save(names: readonly string[], options: SaveRequestOptions & At): Promise<void> {
  return once("save", options, (engine, rest) => engine.save(names, rest));
}

/** Gets an image from a registry. Errors: REGISTRY_*. */
export function pull(request: PullRequest & At): Promise<PullResult> {
  return once("pull", request, (engine, options) => engine.pull(options));
}

/** Sends an image to a registry. Errors: IMAGE_NOT_FOUND, REGISTRY_*. */
export function push(request: PushRequest & At): Promise<PushResult> {
  return once("push", request, (engine, options) => engine.push(options));
}

/** Makes an image of one layer from a tar of a root file system. */
export function importImage(request: ImportRequest & At): Promise<Image> {
  return once("import", request, (engine, options) => engine.import(options));
}

/** Makes a base image from Debian's packages or busybox. Errors: BOOTSTRAP_*. */
export function bootstrap(options: BootstrapOptions & At): Promise<Image> {
  return once("bootstrap", options, (engine, rest) => engine.bootstrap(rest));
}

/** Starts a registry for other machines and programs; stop it with `stop()`. Errors: USAGE, PORT_BUSY, REGISTRY_*. */
export async function serveRegistry(request: ServeRegistryRequest = {}): Promise<Registry> {
  const { startRegistry } = await import("./registry-server/serve.ts");
  return startRegistry(request);
}

async function once<O extends At, T>(
  call: string,
  request: O,
  work: (engine: Engine, options: Omit<O, keyof At>) => Promise<T>,
): Promise<T> {
  checkOptions<object>(call, request, {});
  const { root, runRoot, ...options } = request;
  using engine = Engine.open({ ...(root ? { root } : {}), ...(runRoot ? { runRoot } : {}) });
  return await work(engine, options);
}
