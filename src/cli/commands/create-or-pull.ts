import type { CreateRequest, Engine } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";

/** `--pull`: what to do about an image that is, or is not, in the store. */
export type PullPolicy = "always" | "missing" | "never";

/** Ids and their beginnings name images of this store only. */
const isId = (text: string) => /^(sha256:)?[0-9a-f]{6,64}$/.test(text);

/** Makes a container; an image that is not here is pulled first, with the progress on stderr. */
export async function createOrPull(
  cli: Cli,
  engine: Engine,
  { request, policy }: { readonly request: CreateRequest; readonly policy: PullPolicy },
): Promise<string> {
  if (policy === "always") await pull(cli, engine, request.image);
  try {
    return await engine.create(request);
  } catch (error) {
    const isMissing = error instanceof StrakeError && error.code === "IMAGE_NOT_FOUND";
    if (!isMissing || policy !== "missing" || isId(request.image)) throw error;
    await pull(cli, engine, request.image, error);
    return await engine.create(request);
  }
}

async function pull(cli: Cli, engine: Engine, reference: string, missing?: StrakeError): Promise<void> {
  // Loaded here: a container of an image that is here starts without them.
  const { openDisplay } = await import("../render/show.ts");
  const { remoteOptions } = await import("./remote-options.ts");
  const display = openDisplay(cli, "auto");
  try {
    await engine.pull({ ...remoteOptions(cli, { insecure: false }), reference, emit: display.emit });
    // Whatever becomes of the container, the image stays.
    engine.store.sync();
  } catch (error) {
    if (!(error instanceof StrakeError) || missing === undefined || error.code === "CANCELED") throw error;
    if (error.code === "REFERENCE_INVALID") throw error.with({ exitCode: 125 });
    throw new StrakeError(missing.code, `${missing.message}, and pulling it failed: ${error.message}`, {
      hint: missing.hint,
      cause: error,
    });
  } finally {
    display.end();
  }
}
