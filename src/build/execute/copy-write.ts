import { heredocText } from "../../dockerfile/index.ts";
import { EarlierContents, LayerWriter, resolveOwner, Tree } from "../../layer/index.ts";
import { canonicalJSON, sha256 } from "../../oci/index.ts";
import type { LongText } from "../../store/index.ts";
import { Collections } from "../../sys/index.ts";
import type { EntryHeader } from "../../tar/index.ts";
import type { StageState } from "../config/stage-state.ts";
import { findArchives } from "../copy/archive.ts";
import { parseChmod } from "../copy/chmod.ts";
import { DigestList } from "../copy/digest-list.ts";
import { type CopyAttributes, type CopyEntry, entriesOf } from "../copy/entries.ts";
import { InlineSource } from "../copy/inline-source.ts";
import { Manifest } from "../copy/manifest.ts";
import { type CopyArgument, type CopyPlan, type CopyRequest, mapCopy } from "../copy/map.ts";
import type { CopySource } from "../copy/source.ts";
import { unpackArchive } from "../copy/unpack.ts";
import { digestOf, writeEntries } from "../copy/write.ts";
import { chainOf, keyOf, type StepInputs } from "../key/inputs.ts";
import { latest, lookUp, record, recordPlace, wasRecorded } from "./cached.ts";
import type { CopyLike, StepOutcome } from "./copy-step.ts";
import { createdText, layersOf, type Session, type StepLayer } from "./session.ts";

export interface CopyThroughOptions {
  readonly instruction: CopyLike;
  readonly source?: CopySource;
  readonly onProgress?: (files: number) => void;
}

/** Maps names, looks for a layer with the same files, else writes one. The key is what would be written. */
export async function copyThrough(
  session: Session,
  state: StageState,
  { instruction, source, onProgress }: CopyThroughOptions,
): Promise<{ outcome: StepOutcome; key?: string }> {
  using parent = Tree.open(layersOf(session, state.layers));
  // --link: as if copied into an empty image, except for the accounts that --chown may name.
  const tree = instruction.link && instruction.chmod === undefined ? Tree.open([]) : parent;
  const attributes: CopyAttributes = {
    ...(instruction.chown !== undefined && { owner: resolveOwner(parent, instruction.chown) }),
    ...(instruction.chmod !== undefined && { mode: parseChmod(instruction.chmod) }),
    ...(session.epoch !== undefined && { epoch: session.epoch }),
  };
  const plan = mapCopy(await requestOf(session, state, instruction, source), tree, session.memory);
  const step = new CopyStep(session, state, { plan, instruction, attributes });
  const known = step.lookUp();
  if (known) return { outcome: { layer: known.layer, cached: true }, key: known.key };
  if (source === undefined) await session.writesContext?.();
  const { layer, key, cached } = await session.slots.run(() => step.write(onProgress));
  return { outcome: { layer, cached: cached === true }, key };
}

interface KeyedLayer {
  readonly layer: StepLayer;
  /** Absent when the layer was not recorded. */
  readonly key?: string;
  /** What was written is what another place had written before, so it was dropped. */
  readonly cached?: boolean;
}

/** Entries between collections of a large copy. Left alone, the collector lets the heap of 20,000 files grow by another 12 MB. */
const collectEvery = 3000;
/** Tables that grew leave their shorter forms behind, which are not young. */
const fullEvery = 10;
/** Entries between looks at how much of the session's tables is at hand. */
const releaseEvery = 512;

class CopyStep {
  readonly #session: Session;
  readonly #state: StageState;
  readonly #plan: CopyPlan;
  readonly #instruction: CopyLike;
  readonly #attributes: CopyAttributes;
  readonly #archives: readonly CopyEntry[];
  /** Digests found while looking for the key, and the key's inputs if all were. */
  readonly #known: DigestList;
  #expected: { readonly inputs: StepInputs; readonly files: LongText } | undefined;
  readonly #operation: string;
  readonly #place: string;

  constructor(
    session: Session,
    state: StageState,
    { plan, instruction, attributes }: { plan: CopyPlan; instruction: CopyLike; attributes: CopyAttributes },
  ) {
    this.#session = session;
    this.#known = new DigestList(session.memory);
    this.#state = state;
    this.#plan = plan;
    this.#instruction = instruction;
    this.#attributes = attributes;
    this.#archives = [
      ...entriesOf(
        plan.archives.map((item) => ({ ...item, kind: "node" })),
        {},
      ),
    ];
    this.#operation = `${instruction.kind.toUpperCase()} 1`;
    this.#place = sha256(
      canonicalJSON([instruction.original, session.options.context ?? "", state.config.WorkingDir ?? ""]),
    );
  }

  lookUp(): KeyedLayer | undefined {
    // On a first build every file would be read for a key that cannot be there; it is then computed while writing.
    const read = wasRecorded(this.#session, this.#place);
    const manifest = new Manifest(this.#session.memory);
    for (const entry of this.#entries()) {
      const { header, body, index } = entry;
      if (!body) {
        manifest.add(header, "");
        continue;
      }
      const digest = read ? digestOf(entry) : body.source.knownDigest(body.from, body.node);
      // One unknown file makes the key unknown.
      if (digest === undefined) return undefined;
      this.#known.set(index, digest);
      manifest.add(header, digest);
    }
    for (const archive of this.#archives) manifest.add(archive.header, digestOf(archive));
    const inputs = this.#inputs(manifest);
    this.#expected = { inputs, files: manifest.text };
    const layer = lookUp(this.#session, inputs);
    return layer && { layer, key: keyOf(inputs) };
  }

  async write(onProgress?: (files: number) => void): Promise<KeyedLayer> {
    const { store, lease } = this.#session;
    const writer = new LayerWriter(store.layers.begin(lease));
    try {
      const described = await this.#writeAll(writer, onProgress);
      const before = described && !this.#expected && lookUp(this.#session, described.inputs);
      if (before) {
        // Its times are those of the layer that came first, so that another checkout of the same files gives the same image.
        writer.abort();
        recordPlace(this.#session, described.inputs, this.#place);
        return { layer: before, key: keyOf(described.inputs), cached: true };
      }
      const { diffID } = await writer.commit();
      if (!described) return { layer: { diffID, created: createdText(this.#session, Date.now()) } };
      const { inputs, files } = described;
      const layer = record(this.#session, inputs, diffID, { files, place: this.#place });
      return { layer, key: keyOf(inputs) };
    } catch (error) {
      writer.abort();
      throw error;
    }
  }

  /**
   * Writes what the items name, and archives where their turn comes. Gives the inputs of what was written, which is what a key must stand for; undefined when
   * files changed since the key was computed.
   */
  async #writeAll(writer: LayerWriter, onProgress?: (files: number) => void) {
    const { signal } = this.#session;
    const known = this.#known;
    const expected = this.#expected;
    const manifest = new Manifest(this.#session.memory);
    let changed = false;
    using earlier = this.#earlier();
    const onEntry = (header: EntryHeader, content: string, entry: CopyEntry) => {
      if (!expected) manifest.add(header, content);
      else if (content !== "" && known.get(entry.index) !== content) changed = true;
    };
    const options = { signal, onProgress, known, earlier, onEntry };
    const entries = this.#entries();
    let written = 0;
    for (const archive of this.#plan.archives) {
      await writeEntries(take(entries, archive.after - written), writer, options);
      written = archive.after;
      await unpackArchive(archive, this.#plan.destination, writer, { ...this.#attributes, signal });
    }
    await writeEntries(entries, writer, options);
    // What was written is a valid copy, but of no key that is known; the next build looks again.
    if (changed) return undefined;
    if (expected) return expected;
    for (const archive of this.#archives) manifest.add(archive.header, digestOf(archive));
    return { inputs: this.#inputs(manifest), files: manifest.text };
  }

  /** The layer this step made last: what did not change since is copied from there. */
  #earlier(): EarlierContents | undefined {
    const before = this.#expected && latest(this.#session, this.#place);
    if (!before || !this.#session.store.layers.isIntact(before.diffID)) return undefined;
    return new EarlierContents(this.#session.store.layers.get(before.diffID)!);
  }

  /** The entries, made anew, with the collections that a walk over many needs. */
  *#entries(): Generator<CopyEntry, void, undefined> {
    const collections = new Collections({ every: collectEvery, fullEvery });
    for (const entry of entriesOf(this.#plan.items, this.#attributes)) {
      if (entry.index % releaseEvery === 0) this.#session.memory.release();
      collections.passed(1);
      yield entry;
    }
  }

  /** What decides about an archive's entries beside its bytes. */
  #unpackInputs(): string[] {
    const { uid, gid } = this.#attributes.owner ?? {};
    const paths = this.#plan.archives.map(({ after }, at) => `${after} ${this.#archives[at]!.header.path}`);
    return [`${uid}:${gid}`, this.#instruction.chmod ?? "", ...paths];
  }

  #inputs(manifest: Manifest): StepInputs {
    const { epoch } = this.#session;
    return {
      operation: this.#operation,
      // Only unpacking looks at more of the destination than the manifest says.
      parent: this.#archives.length > 0 ? chainOf(this.#state.layers) : "",
      ...(this.#archives.length > 0 && { unpack: this.#unpackInputs() }),
      ...(epoch !== undefined && { epoch: String(epoch) }),
      content: manifest.digest(),
    };
  }
}

/** The next `count`; the rest stays in the generator. */
function* take<T>(from: Generator<T, void>, count: number): Generator<T, void> {
  for (let at = 0; at < count; at++) {
    const next = from.next();
    if (next.done) return;
    yield next.value;
  }
}

async function requestOf(
  session: Session,
  state: StageState,
  instruction: CopyLike,
  from?: CopySource,
): Promise<CopyRequest> {
  const paths: CopyArgument[] =
    instruction.sources.length === 0
      ? []
      : instruction.sources.map((pattern) => ({ source: from ?? session.context(), pattern }));
  const documents = new InlineSource(
    new Map(instruction.heredocs.map((heredoc) => [`/${heredoc.name}`, Buffer.from(heredocText(heredoc))])),
  );
  const inline = instruction.heredocs.map(({ name }) => ({ source: documents, pattern: `/${name}` }));
  const unpacks = instruction.kind === "add" && instruction.unpack !== false;
  return {
    arguments: [...paths, ...inline],
    destination: instruction.destination,
    workingDir: state.config.WorkingDir ?? "/",
    excludes: instruction.excludes,
    parents: instruction.kind === "copy" && instruction.parents,
    ...(unpacks && { isArchive: await findArchives(paths, { signal: session.signal }) }),
  };
}
