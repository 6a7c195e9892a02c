import { type AddInstruction, type CopyInstruction, hasWildcard } from "../../dockerfile/index.ts";
import { canonicalJSON, sha256 } from "../../oci/index.ts";
import type { StageState } from "../config/stage-state.ts";
import { matchSources, type SourceMatch } from "../copy/match.ts";
import type { CopySource } from "../copy/source.ts";
import { chainOf } from "../key/inputs.ts";
import { refuseUnsupported } from "../plan/unsupported.ts";
import { recall, remember } from "./cached.ts";
import type { Session, StepLayer } from "./session.ts";

export type CopyLike = CopyInstruction | AddInstruction;

export interface CopyStepOptions {
  /** What `--from` names; the build context when absent. */
  readonly source?: LazySource;
  readonly onProgress?: (files: number) => void;
}

/** A stage or image that is opened only when something has to be read from it. */
export interface LazySource {
  /** Identity of its layers. */
  readonly chain: string;
  open(): Promise<CopySource>;
}

export interface StepOutcome {
  readonly layer: StepLayer;
  readonly cached: boolean;
}

/**
 * COPY or ADD. Two ways lead to an earlier layer: the same stats of the same files on the same parent (nothing is read, not even
 * the image), or the same files to write, wherever they come from and whatever else changed.
 */
export async function copyStep(
  session: Session,
  state: StageState,
  instruction: CopyLike,
  options: CopyStepOptions,
): Promise<StepOutcome> {
  refuseUnsupported(instruction);
  const shortcut = shortcutOf(session, state, { instruction, chain: options.source?.chain });
  const known = shortcut && recall(session, shortcut);
  if (known) return { layer: known, cached: true };
  // Loaded when needed: a cached build does without trees, archives and writers.
  const { copyThrough } = await import("./copy-write.ts");
  const source = await options.source?.open();
  const { outcome, key } = await copyThrough(session, state, {
    instruction,
    source,
    onProgress: options.onProgress,
  });
  if (shortcut && key) remember(session, shortcut, key);
  return outcome;
}

/** A key that can be had without opening anything but the context's folders. Undefined when there is none. */
function shortcutOf(
  session: Session,
  state: StageState,
  { instruction, chain }: { instruction: CopyLike; chain: string | undefined },
): string | undefined {
  if (instruction.kind === "copy" && instruction.parents) return undefined;
  const content =
    instruction.sources.length === 0 ? "" : (chain ?? contextFingerprint(session, instruction.sources));
  if (content === undefined) return undefined;
  const { kind, sources, heredocs, destination, chown, chmod, link, excludes } = instruction;
  return sha256(
    canonicalJSON({
      kind,
      sources,
      heredocs: heredocs.map(({ name, content: text, stripTabs }) => ({ name, text, stripTabs })),
      destination,
      chown,
      chmod,
      link,
      excludes,
      unpack: instruction.kind === "add" ? (instruction.unpack ?? true) : false,
      workingDir: state.config.WorkingDir ?? "",
      parent: chainOf(state.layers),
      epoch: session.epoch,
      content,
    }),
  );
}

function contextFingerprint(session: Session, patterns: readonly string[]): string | undefined {
  const context = session.context();
  // What a literal backslash means is settled where files are looked for.
  if (patterns.some((pattern) => pattern.includes("\\") && !hasWildcard(pattern))) return undefined;
  return context.fingerprint(matchesOf(context, patterns));
}

function* matchesOf(source: CopySource, patterns: readonly string[]): Generator<SourceMatch> {
  for (const pattern of patterns) yield* matchSources(source, pattern);
}
