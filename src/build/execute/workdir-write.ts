import { StrakeError } from "../../errors/index.ts";
import { LayerWriter, resolveOwner, Tree } from "../../layer/index.ts";
import type { StageState } from "../config/stage-state.ts";
import { Destination } from "../copy/destination.ts";
import { directoryHeader } from "../copy/entries.ts";
import { Manifest } from "../copy/manifest.ts";
import { keyOf, type StepInputs } from "../key/inputs.ts";
import { lookUp, record } from "./cached.ts";
import type { StepOutcome } from "./copy-step.ts";
import { layersOf, type Session } from "./session.ts";

/**
 * Makes the directory of WORKDIR where it is missing, with the USER in force as its owner (as in `--chown`, a number alone is the group
 * too). Undefined when it is there: then there is no layer. Symlinks in the image are followed inside the image (CVE-2026-55686), and
 * /proc is a name like any other here (CVE-2024-21626).
 */
export async function makeDirectory(
  session: Session,
  state: StageState,
  directory: string,
): Promise<{ outcome: StepOutcome; key: string } | undefined> {
  using tree = Tree.open(layersOf(session, state.layers));
  const destination = new Destination(tree);
  const to = destination.resolve(directory);
  if (destination.kindAt(to) === "directory") return undefined;
  const { directories, blocked } = destination.enter(to);
  if (blocked !== undefined)
    throw new StrakeError(
      "BUILD_INSTRUCTION",
      `WORKDIR ${directory}: ${blocked} in the image is not a directory`,
    );
  const owner = resolveOwner(tree, state.config.User ?? "");
  const headers = directories.map((entered) => directoryHeader(entered, { owner, epoch: session.epoch }));
  const manifest = new Manifest();
  for (const header of headers) manifest.add(header, "");
  const inputs: StepInputs = {
    operation: "WORKDIR 1",
    parent: "",
    ...(session.epoch !== undefined && { epoch: String(session.epoch) }),
    content: manifest.digest(),
  };
  const cached = lookUp(session, inputs);
  if (cached) return { outcome: { layer: cached, cached: true }, key: keyOf(inputs) };
  const writer = new LayerWriter(session.store.layers.begin(session.lease));
  try {
    for (const header of headers) writer.addEntry(header);
    const { diffID } = await writer.commit();
    const layer = record(session, inputs, diffID, { files: manifest.text, place: `WORKDIR ${to}` });
    return { outcome: { layer, cached: false }, key: keyOf(inputs) };
  } catch (error) {
    writer.abort();
    throw error;
  }
}
