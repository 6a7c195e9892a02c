import { StrakeError } from "../../errors/index.ts";

const aboutContent = /^(?:MANIFEST|INDEX|CONFIG|DESCRIPTOR|DIGEST|TAR|LAYER|COMPRESSION|BLOB)_/;
const faults = new Set(["invalid", "data-loss", "exhausted", "unsupported"]);

/**
 * What is wrong with content, with the name of the place that gave it: who has several registries, and mirrors of them, has to
 * know whose it is. Other errors, and those that say it already, stay as they are.
 */
export function namingPlace(error: unknown, place: string): unknown {
  if (!(error instanceof StrakeError) || !aboutContent.test(error.code) || !faults.has(error.class))
    return error;
  // What the store here lost is not the other side's fault.
  if (error.code === "LAYER_DAMAGED") return error;
  const [host = place] = place.split("/");
  if (error.message.includes(host)) return error;
  const { code, message, hint, sources, exitCode, cause } = error;
  return new StrakeError(code, `what ${place} gave is not right: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    ...{ sources, exitCode, cause },
  });
}
