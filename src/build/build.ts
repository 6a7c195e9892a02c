import { availableParallelism } from "node:os";
import { parseDockerfile } from "../dockerfile/index.ts";
import type { TableMemory } from "../erofs/index.ts";
import { StrakeError } from "../errors/index.ts";
import { emitNothing } from "../events/index.ts";
import {
  type Digest,
  formatReference,
  hostPlatform,
  normalizePlatform,
  type Platform,
  parsePlatform,
  parseReference,
  withDefaultTag,
} from "../oci/index.ts";
import type { Lease } from "../store/index.ts";
import { runChecks } from "./checks.ts";
import type { StageState } from "./config/stage-state.ts";
import { BuildContext } from "./context/context.ts";
import { type FoundDockerfile, findDockerfile, findIgnoreRules } from "./context/dockerfile.ts";
import { largeContext } from "./context/large-context.ts";
import type { TarContext } from "./context/tar-context.ts";
import type { CopySource } from "./copy/source.ts";
import { BaseImages } from "./execute/bases.ts";
import type { Session } from "./execute/session.ts";
import { Slots } from "./execute/slots.ts";
import { runStage, type StageInputs } from "./execute/stage.ts";
import { storeImage } from "./image.ts";
import { chainOf } from "./key/inputs.ts";
import type { BuildOptions, BuildResult } from "./options.ts";
import { makePlan } from "./plan/make.ts";
import type { Plan } from "./plan/plan.ts";
import { locate } from "./plan/source-error.ts";
import { checkBundle } from "./run/host-ca.ts";

/**
 * Builds an image from a Dockerfile and a context (DESIGN.md 5). Steps whose inputs were seen before are taken from the
 * cache; stages that do not need each other run at once; a step that failed is the first to run next time. When the promise
 * settles nothing of the build is running or mounted any more. Throws StrakeErrors with the lines to blame.
 */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const tags = (options.tags ?? []).map((tag) => withDefaultTag(parseReference(tag)));
  const lease = options.store.lease("build");
  using memory = options.store.memory();
  try {
    const session = await openSession(options, lease, memory);
    const state = await runStages(session);
    const image = await storeImage(session, state);
    for (const tag of tags) options.store.images.tag(tag, image.id);
    const names = tags.map(formatReference);
    session.emit({ type: "image", id: image.id, tags: names, at: Date.now() });
    return { imageID: image.id, image, tags: names, steps: { ...session.counts } };
  } finally {
    lease.release();
  }
}

type OpenSession = Session & { readonly bases: BaseImages; readonly saveStamps: () => void };

async function openSession(options: BuildOptions, lease: Lease, memory: TableMemory): Promise<OpenSession> {
  const { store, buildArgs = {} } = options;
  const emit = options.emit ?? emitNothing;
  checkBundle(options.hostCA);
  const archive = await archiveOf(options, lease);
  const found = archive?.dockerfile ?? dockerfileOf(options);
  const dockerfile = parseDockerfile(found.bytes, { file: found.name });
  const platform =
    options.platform === undefined ? hostPlatform() : normalizePlatform(parsePlatform(options.platform));
  const bases = new BaseImages({
    store,
    lease,
    options,
    stageNames: dockerfile.stages.flatMap(({ name }) => name ?? []),
    parsePlatform: (text): Platform =>
      text === undefined ? platform : normalizePlatform(parsePlatform(text)),
  });
  const plan = await makePlan({
    dockerfile,
    buildArgs,
    target: options.target,
    buildPlatform: hostPlatform(),
    targetPlatform: platform,
    triggersOf: async (base, place) => {
      try {
        return (await bases.get(base.reference, base.platform)).config.config?.OnBuild ?? [];
      } catch (error) {
        throw locate(error, place);
      }
    },
  });
  await runChecks({
    plan,
    platform,
    dockerfilePath: found.path,
    options,
    environmentOf: async (reference, of) => (await bases.get(reference, of)).config.config?.Env ?? [],
    emit,
  });
  warn(plan, emit);
  const contexts = archive
    ? { context: () => archive.source, saveStamps: () => {} }
    : contextOf(options, found, { emit, memory });
  return {
    store,
    lease,
    options,
    plan,
    platform,
    buildArgs,
    slots: new Slots(options.parallelism ?? Math.max(2, availableParallelism())),
    // Replaced for each run of the stages.
    signal: options.signal ?? new AbortController().signal,
    emit,
    epoch: epochOf(buildArgs, plan),
    memory,
    ...contexts,
    counts: { done: 0, cached: 0 },
    bases,
  };
}

/** The context and Dockerfile of a tar that came in place of a Dockerfile. */
async function archiveOf(options: BuildOptions, lease: Lease): Promise<TarContext | undefined> {
  const { context, dockerfile, store, file, signal } = options;
  if (context !== undefined || dockerfile === undefined || typeof dockerfile === "string") return undefined;
  const { isTarContext, openTarContext } = await import("./context/tar-context.ts");
  if (!isTarContext(dockerfile)) return undefined;
  return openTarContext(dockerfile, { store, lease, file, signal });
}

function dockerfileOf({ context, file, dockerfile }: BuildOptions): FoundDockerfile {
  if (dockerfile === undefined) return findDockerfile(context, file);
  return { bytes: bytesOf(dockerfile), name: "Dockerfile" };
}

/** The context, scanned when a step first asks for it, and the saving of what was learnt about its files. */
function contextOf(
  options: BuildOptions,
  found: FoundDockerfile,
  { emit, memory }: Pick<Session, "emit" | "memory">,
): Pick<OpenSession, "context" | "saveStamps" | "writesContext"> {
  let context: BuildContext | undefined;
  let ignoreFile: string | undefined;
  let isWarned = false;
  let stamps: ReturnType<BuildOptions["store"]["contextStamps"]> | undefined;
  return {
    context: () => {
      if (context) return context;
      if (options.context === undefined)
        throw new StrakeError("BUILD_CONTEXT", "this build has no context to copy from", {
          hint: "give the folder to copy from in place of -",
        });
      const rules = findIgnoreRules(options.context, found.path);
      const root = BuildContext.rootOf(options.context);
      const load = () => {
        stamps ??= options.store.contextStamps(root, memory);
        return stamps;
      };
      ignoreFile = rules?.name;
      context = new BuildContext(root, { ignore: rules?.matcher, ignoreFile, stamps: load, memory });
      return context;
    },
    saveStamps: () => stamps?.save(),
    writesContext: async () => {
      if (isWarned || !context) return;
      const { files, bytes } = context.looked;
      if (files <= largeContext.files && bytes <= largeContext.bytes) return;
      isWarned = true;
      const { contextWarning } = await import("./context/weight.ts");
      const message = contextWarning(context.weights(largeContext.bytes / 20), { ignoreFile });
      if (message === undefined) isWarned = false;
      else emit({ type: "warning", code: "LargeContext", message, at: Date.now() });
    },
  };
}

/** Runs the stages the target needs, each as soon as what it stands on is there. The first error stops all others. */
async function runStages(opened: OpenSession): Promise<StageState> {
  const { plan, bases } = opened;
  const stop = new AbortController();
  const follow = () => stop.abort(opened.options.signal?.reason);
  opened.options.signal?.addEventListener("abort", follow, { once: true });
  if (opened.options.signal?.aborted) follow();
  const session: Session = { ...opened, signal: stop.signal };
  const running = new Map<number, Promise<StageState>>();
  const sources = new Map<string, Promise<CopySource>>();
  const stage = (index: number) => running.get(index)!;
  const inputs: StageInputs = {
    stage,
    baseConfig: async ({ base }) => {
      const { reference, platform } = base as { reference: string; platform?: string };
      return (await bases.get(reference, platform)).config;
    },
    source: async (origin) => {
      const diffIDs =
        origin.kind === "stage"
          ? (await stage(origin.index)).layers
          : (await bases.get(origin.reference)).config.rootfs.diff_ids;
      const chain = chainOf(diffIDs);
      return {
        chain,
        open: () => {
          const known = sources.get(chain);
          if (known) return known;
          const source = openSource(opened, diffIDs, chain);
          sources.set(chain, source);
          return source;
        },
      };
    },
  };
  // In file order, so that a stage finds the promises of those above it.
  for (const [index, planned] of plan.stages) {
    const result = Promise.resolve().then(() => runStage(session, planned, inputs));
    result.catch((error) => stop.abort(error));
    running.set(index, result);
  }
  try {
    await Promise.allSettled(running.values());
    const first = await firstFailure(running.values(), stop.signal);
    if (first !== undefined) throw first;
    return await stage(plan.target);
  } finally {
    opened.options.signal?.removeEventListener("abort", follow);
    opened.saveStamps();
  }
}

async function openSource(
  { store, memory }: Session,
  diffIDs: readonly Digest[],
  chain: string,
): Promise<CopySource> {
  const { openTreeSource } = await import("./copy/tree-source.ts");
  return openTreeSource(store.layers.intact(diffIDs), chain, memory);
}

/** The error that stopped the build: not that of a stage which was only stopped by it. */
async function firstFailure(stages: Iterable<Promise<unknown>>, signal: AbortSignal): Promise<unknown> {
  let canceled: unknown;
  for (const stage of stages) {
    try {
      await stage;
    } catch (error) {
      if (error === signal.reason) return error;
      canceled ??= error;
    }
  }
  return canceled;
}

/** Seconds of SOURCE_DATE_EPOCH, from the command line or a global ARG. */
function epochOf(buildArgs: Readonly<Record<string, string>>, plan: Plan): number | undefined {
  const text = buildArgs.SOURCE_DATE_EPOCH ?? plan.globals.get("SOURCE_DATE_EPOCH");
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,11}$/.test(text))
    throw new StrakeError(
      "BUILD_INSTRUCTION",
      `SOURCE_DATE_EPOCH=${text} is not a number of seconds since 1970`,
    );
  return Number(text);
}

function warn(plan: Plan, emit: Session["emit"]): void {
  const at = Date.now();
  for (const name of plan.unusedArguments)
    emit({
      type: "warning",
      code: "UnusedBuildArg",
      message: `build argument ${name} is used by no ARG`,
      at,
    });
  for (const [index, label] of plan.skipped.entries()) {
    // Labels may come twice.
    const step = `skipped ${index}`;
    emit({ type: "step.started", step, name: `[${label}] not needed`, kind: "build", at });
    emit({ type: "step.done", step, outcome: "skipped", at });
  }
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}
