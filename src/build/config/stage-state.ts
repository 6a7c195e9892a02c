import {
  type ContainerConfig,
  type Digest,
  type HistoryEntry,
  type ImageConfig,
  splitVariable,
} from "../../oci/index.ts";

/**
 * What a stage is at one point of its instructions: the image it would be, and the variables its next instruction sees.
 * A value: every step makes a new one, so a stage that starts FROM another simply takes its last one.
 */
export interface StageState {
  /** Platform and fields of the base that this project does not know; not `config`, `rootfs`, `history`, `created`. */
  readonly image: {
    readonly architecture: string;
    readonly os: string;
    readonly author?: string;
    readonly [field: string]: unknown;
  };
  readonly config: ContainerConfig;
  /** Uncompressed layers, lowest first. */
  readonly layers: readonly Digest[];
  readonly history: readonly PendingHistory[];
  /** ENV and ARG values in the order they were set: what expansion and RUN see. */
  readonly variables: ReadonlyMap<string, string>;
  /** Names of declared build arguments, for history's `|2 A=1 B=2` and for what RUN may see. */
  readonly buildArgs: readonly DeclaredArgument[];
  /** Whether CMD was set in this stage: ENTRYPOINT clears only an inherited one. */
  readonly commandSet: boolean;
}

export interface DeclaredArgument {
  readonly name: string;
  readonly value?: string;
}

/** A history entry whose time may not be known yet: a step without a layer has no time of its own. */
export interface PendingHistory extends HistoryEntry {
  /** True for entries that came with the base image. */
  readonly inherited: boolean;
}

/** Docker's PATH for images that set none. */
export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The state a stage starts with on a base image, or on nothing. Its triggers are dropped: they run once. */
export function initialState(base: ImageConfig): StageState {
  const { config = {}, rootfs, history = [], created: _, ...image } = base;
  const { OnBuild: __, ...rest } = config;
  const variables = new Map((rest.Env ?? []).map(splitVariable));
  const env = [...(rest.Env ?? [])];
  if (!variables.has("PATH") && base.os !== "windows") {
    variables.set("PATH", defaultPath);
    env.push(`PATH=${defaultPath}`);
  }
  return {
    image,
    config: { ...rest, Env: env },
    layers: rootfs.diff_ids,
    history: history.map((entry) => ({ ...entry, inherited: true })),
    variables,
    buildArgs: [],
    commandSet: false,
  };
}

/** The state a stage starts with on the end of another stage. */
export function inheritState(base: StageState): StageState {
  const { OnBuild: _, ...config } = base.config;
  return { ...base, config, commandSet: false };
}

/** `NAME=value` entries with one of them set: in its place when it is there, else at the end. */
export function withVariable(entries: readonly string[], name: string, value: string): string[] {
  const entry = `${name}=${value}`;
  const at = entries.findIndex((old) => old === name || old.startsWith(`${name}=`));
  return at < 0 ? [...entries, entry] : entries.with(at, entry);
}
