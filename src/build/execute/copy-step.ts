import { type AddInstruction, type CopyInstruction, heredocText } from "../../dockerfile/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { LayerWriter, resolveOwner, Tree } from "../../layer/index.ts";
import { canonicalJSON, sha256 } from "../../oci/index.ts";
import type { StageState } from "../config/stage-state.ts";
import { isArchive } from "../copy/archive.ts";
import { parseChmod } from "../copy/chmod.ts";
import { type CopyAttributes, type CopyEntry, entriesOf } from "../copy/entries.ts";
import { type Manifest, manifestDigest, manifestOf } from "../copy/manifest.ts";
import { type CopyArgument, type CopyPlan, mapCopy } from "../copy/map.ts";
import type { CopySource } from "../copy/source.ts";
import { InlineSource } from "../copy/tree-source.ts";
import { unpackArchives } from "../copy/unpack.ts";
import { digestOf, writeEntries } from "../copy/write.ts";
import { chainOf, type StepInputs } from "../key/inputs.ts";
import { lookUp, record, wasRecorded } from "./cached.ts";
import { layersOf, type Session, type StepLayer } from "./session.ts";

type CopyLike = CopyInstruction | AddInstruction;

export interface CopyStepOptions {
  /** What `--from` names; the build context when absent. */
  readonly source?: CopySource;
  readonly onProgress?: (files: number) => void;
}

export interface StepOutcome {
  readonly layer: StepLayer;
  readonly cached: boolean;
}

/**
 * COPY or ADD: map names, look for a layer with the same files, else write one. The key is what would be written, so the
 * layer is found again whatever else of the image changed.
 */
export async function copyStep(
  session: Session,
  state: StageState,
  instruction: CopyLike,
  options: CopyStepOptions,
): Promise<StepOutcome> {
  refuseUnsupported(instruction);
  const parent = Tree.open(layersOf(session, state.layers));
  // --link: as if copied into an empty image, except for the accounts that --chown may name.
  using tree = instruction.link && instruction.chmod === undefined ? Tree.open([]) : parent;
  using _ = parent;
  const attributes: CopyAttributes = {
    ...(instruction.chown !== undefined && { owner: resolveOwner(parent, instruction.chown) }),
    ...(instruction.chmod !== undefined && { mode: parseChmod(instruction.chmod) }),
    ...(session.epoch !== undefined && { epoch: session.epoch }),
  };
  const plan = mapCopy(requestOf(session, state, instruction, options.source), tree);
  const step = new CopyStep(session, state, { plan, instruction, attributes });
  const cached = step.lookUp();
  if (cached) return { layer: cached, cached: true };
  return { layer: await session.slots.run(() => step.write(options.onProgress)), cached: false };
}

class CopyStep {
  readonly #session: Session;
  readonly #state: StageState;
  readonly #plan: CopyPlan;
  readonly #attributes: CopyAttributes;
  readonly #entries: readonly CopyEntry[];
  readonly #archives: readonly CopyEntry[];
  readonly #operation: string;
  readonly #place: string;

  constructor(
    session: Session,
    state: StageState,
    { plan, instruction, attributes }: { plan: CopyPlan; instruction: CopyLike; attributes: CopyAttributes },
  ) {
    this.#session = session;
    this.#state = state;
    this.#plan = plan;
    this.#attributes = attributes;
    this.#entries = entriesOf(plan.items, attributes);
    this.#archives = plan.items.flatMap((item) =>
      item.kind === "archive" ? entriesOf([{ ...item, kind: "node" }], {}) : [],
    );
    this.#operation = `${instruction.kind.toUpperCase()} 1`;
    this.#place = sha256(
      canonicalJSON([instruction.original, session.options.context ?? "", state.config.WorkingDir ?? ""]),
    );
  }

  lookUp(): StepLayer | undefined {
    // On a first build every file would be read for a key that cannot be there; it is then computed while writing.
    const read = wasRecorded(this.#session, this.#place);
    const known = (entry: CopyEntry) =>
      read ? digestOf(entry) : entry.body!.source.knownDigest(entry.body!.path, entry.body!.node);
    const manifest = manifestOf([...this.#entries, ...this.#archives], known);
    return manifest && lookUp(this.#session, this.#inputs(manifest));
  }

  async write(onProgress?: (files: number) => void): Promise<StepLayer> {
    const { store, lease, signal } = this.#session;
    const writer = new LayerWriter(store.layers.begin(lease));
    try {
      const digests = await writeEntries(this.#entries, writer, { signal, onProgress });
      for (const archive of this.#archives) digests.set(archive, digestOf(archive));
      const manifest = manifestOf([...this.#entries, ...this.#archives], (entry) => digests.get(entry))!;
      await unpackArchives(this.#plan, writer, { ...this.#attributes, signal });
      const { diffID } = await writer.commit();
      return record(this.#session, this.#inputs(manifest), diffID, { files: manifest, place: this.#place });
    } catch (error) {
      writer.abort();
      throw error;
    }
  }

  #inputs(manifest: Manifest): StepInputs {
    const { epoch } = this.#session;
    return {
      operation: this.#operation,
      // Only unpacking looks at more of the destination than the manifest says.
      parent: this.#archives.length > 0 ? chainOf(this.#state.layers) : "",
      ...(this.#archives.length > 0 && { archives: this.#archives.map(({ header }) => header.path) }),
      ...(epoch !== undefined && { epoch: String(epoch) }),
      ...(this.#archives.length > 0 &&
        this.#attributes.owner && { owner: canonicalJSON(this.#attributes.owner) }),
      content: manifestDigest(manifest),
    };
  }
}

function requestOf(session: Session, state: StageState, instruction: CopyLike, from?: CopySource) {
  const paths: CopyArgument[] =
    instruction.sources.length === 0
      ? []
      : instruction.sources.map((pattern) => ({ source: from ?? session.context(), pattern }));
  const documents = new InlineSource(
    new Map(instruction.heredocs.map((heredoc) => [`/${heredoc.name}`, Buffer.from(heredocText(heredoc))])),
  );
  const inline = instruction.heredocs.map(({ name }) => ({ source: documents, pattern: `/${name}` }));
  return {
    arguments: [...paths, ...inline],
    destination: instruction.destination,
    workingDir: state.config.WorkingDir ?? "/",
    excludes: instruction.excludes,
    parents: instruction.kind === "copy" && instruction.parents,
    ...(instruction.kind === "add" && instruction.unpack !== false && { isArchive }),
  };
}

function refuseUnsupported(instruction: CopyLike): void {
  if (instruction.kind !== "add") return;
  const remote = instruction.sources.find((source) => /^(https?|git|ssh):\/\/|^git@/.test(source));
  if (remote !== undefined)
    throw new StrakeError("BUILD_UNSUPPORTED", `ADD of a URL is not supported yet: ${remote}`, {
      hint: "fetch it in a RUN, or into the build context",
    });
  if (instruction.checksum !== undefined)
    throw new StrakeError("BUILD_UNSUPPORTED", "ADD --checksum is for URLs, which are not supported yet");
}
