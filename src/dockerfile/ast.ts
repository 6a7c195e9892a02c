import type { SourceRange } from "../errors/index.ts";

/**
 * The typed syntax tree of a Dockerfile. Everything here is a plain readonly value. Ranges count lines from 1
 * and columns from 0 in UTF-16 units, over the physical file, so that they survive continuations and heredocs.
 * Words hold the text as written (variables in place) until `expandInstruction` replaces them.
 */

/** `--name` or `--name=value` after an instruction's name. */
export interface Flag {
  readonly name: string;
  /** Absent for a bare `--name`. */
  readonly value?: string;
  readonly range: SourceRange;
}

/** One `<<WORD` and the lines that belong to it. */
export interface Heredoc {
  /** The delimiter without quotes; also the file's name when COPY, ADD or a script uses it. */
  readonly name: string;
  /** File descriptor in front of `<<`; 0 when none was written. */
  readonly fileDescriptor: number;
  /** False when the delimiter was quoted. */
  readonly expand: boolean;
  /** True for `<<-`: leading tabs are to be stripped. `content` is still as written. */
  readonly stripTabs: boolean;
  /** The body as written, each line with its newline. `heredocText` gives the text to use. */
  readonly content: string;
  /** The lines of the body, terminator included. */
  readonly range: SourceRange;
}

/** A command as RUN, CMD, ENTRYPOINT and HEALTHCHECK take it. */
export type CommandLine =
  /**
   * Text for the current SHELL. Heredocs of RUN are written back into `text` (line, bodies, terminators), so
   * that the shell sees what the author wrote; `line` is the text without them.
   */
  | {
      readonly form: "shell";
      readonly text: string;
      readonly line: string;
      readonly heredocs: readonly Heredoc[];
    }
  /** JSON form: run as it is, never expanded. */
  | { readonly form: "exec"; readonly args: readonly string[] }
  /**
   * RUN with exactly one heredoc and nothing else. `script` is its content, tabs stripped if asked. With
   * `interpreter` it starts with `#!` and is to be run as an executable file called `name`; else the SHELL runs it.
   */
  | {
      readonly form: "heredoc";
      readonly script: string;
      readonly name: string;
      readonly interpreter: boolean;
      readonly line: string;
    };

interface InstructionBase {
  /** All physical lines of the instruction, heredoc bodies included. */
  readonly range: SourceRange;
  /** The keyword as written, for example `copy`. */
  readonly keyword: string;
  /** The logical line: continuations joined, comments inside dropped, heredoc bodies not included. */
  readonly original: string;
  readonly flags: readonly Flag[];
  /** Text of the comment lines directly above, without `#` and blanks; an empty line or a bare `#` ends them. */
  readonly comments: readonly string[];
  /** Rules that `# check=skip=A,B` directly above turns off for this instruction (`all` for every rule). */
  readonly skippedChecks: readonly string[];
}

/** `key=value`, or the legacy `key value`. Values are as written, quotes and variables in place. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** True for the form without `=` (lint LegacyKeyValueFormat). */
  readonly legacy: boolean;
}

export interface FromInstruction extends InstructionBase {
  readonly kind: "from";
  /** Image reference, name or number of an earlier stage, named context or `scratch`. */
  readonly image: string;
  /** Lower-cased stage name. */
  readonly stageName?: string;
  readonly stageNameAsWritten?: string;
  /** The word `AS` as written. */
  readonly asKeyword?: string;
  readonly platform?: string;
  /** Description out of a comment `# <stage name> text` directly above. */
  readonly description?: string;
}

export interface ArgDefinition {
  readonly name: string;
  /** Default value as written; absent for `ARG NAME`. */
  readonly value?: string;
  /** Description out of a comment `# <name> text` directly above. */
  readonly description?: string;
}

export interface ArgInstruction extends InstructionBase {
  readonly kind: "arg";
  readonly args: readonly ArgDefinition[];
}

export type NetworkMode = "default" | "none" | "host";
export type SecurityMode = "sandbox" | "insecure";
export type CacheSharing = "shared" | "private" | "locked";

/** `RUN --device=name[,required]`: a CDI device name, class or annotation. */
export interface DeviceRequest {
  readonly name: string;
  readonly required: boolean;
}

interface MountBase {
  readonly range: SourceRange;
  /** Where the process sees it; relative paths join the WORKDIR. Absent where the type has a default. */
  readonly target?: string;
  readonly readonly: boolean;
}

interface OwnedMount {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface BindMount extends MountBase {
  readonly type: "bind";
  /** Stage, image or named context; the build context when absent. Never expanded. */
  readonly from?: string;
  readonly source?: string;
}

export interface CacheMount extends MountBase, OwnedMount {
  readonly type: "cache";
  /** Defaults to the cleaned target. */
  readonly id?: string;
  readonly from?: string;
  readonly source?: string;
  readonly sharing: CacheSharing;
}

export interface TmpfsMount extends MountBase {
  readonly type: "tmpfs";
  /** Bytes; absent = no limit of our own. */
  readonly size?: number;
}

export interface SecretMount extends MountBase, OwnedMount {
  readonly type: "secret";
  /** Absent only when a target is given: then the base name of the target. */
  readonly id?: string;
  /** Name of the environment variable that receives the value. */
  readonly env?: string;
  readonly required: boolean;
}

export interface SshMount extends MountBase, OwnedMount {
  readonly type: "ssh";
  /** `default` when absent. */
  readonly id?: string;
  readonly required: boolean;
}

/** `RUN --mount`. Values that hold variables are absent until `expandInstruction` has run. */
export type Mount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount;

export interface RunInstruction extends InstructionBase {
  readonly kind: "run";
  readonly command: CommandLine;
  readonly mounts: readonly Mount[];
  readonly network: NetworkMode;
  readonly security: SecurityMode;
  readonly devices: readonly DeviceRequest[];
}

/** What COPY and ADD share. */
interface CopyBase extends InstructionBase {
  /** Paths, globs (and URLs for ADD); heredocs are not among them. */
  readonly sources: readonly string[];
  readonly heredocs: readonly Heredoc[];
  readonly destination: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly excludes: readonly string[];
}

export interface CopyInstruction extends CopyBase {
  readonly kind: "copy";
  /** Stage name, stage number, image or named context; the build context when absent. */
  readonly from?: string;
  readonly parents: boolean;
}

export interface AddInstruction extends CopyBase {
  readonly kind: "add";
  /** Absent when the flag was not given: for git sources a query in the URL may then decide. */
  readonly keepGitDir?: boolean;
  readonly checksum?: string;
  /** Absent: local archives are unpacked, downloaded ones are not. */
  readonly unpack?: boolean;
}

export interface EnvInstruction extends InstructionBase {
  readonly kind: "env";
  readonly variables: readonly KeyValue[];
}

export interface LabelInstruction extends InstructionBase {
  readonly kind: "label";
  readonly labels: readonly KeyValue[];
}

export interface WorkdirInstruction extends InstructionBase {
  readonly kind: "workdir";
  readonly path: string;
}

export interface UserInstruction extends InstructionBase {
  readonly kind: "user";
  readonly user: string;
}

export interface ExposeInstruction extends InstructionBase {
  readonly kind: "expose";
  /** Words as written, sorted; `exposedPorts` reads them after expansion. */
  readonly ports: readonly string[];
}

export interface VolumeInstruction extends InstructionBase {
  readonly kind: "volume";
  readonly paths: readonly string[];
}

export interface StopSignalInstruction extends InstructionBase {
  readonly kind: "stopsignal";
  readonly signal: string;
}

export interface CmdInstruction extends InstructionBase {
  readonly kind: "cmd";
  readonly command: CommandLine;
}

export interface EntrypointInstruction extends InstructionBase {
  readonly kind: "entrypoint";
  readonly command: CommandLine;
}

/** Durations are nanoseconds, as the image configuration stores them; 0 or absent = the engine's default. */
export interface HealthcheckOptions {
  readonly interval?: number;
  readonly timeout?: number;
  readonly startPeriod?: number;
  readonly startInterval?: number;
  readonly retries?: number;
}

export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: "healthcheck";
  /** Absent for `HEALTHCHECK NONE`. */
  readonly command?: CommandLine;
  readonly options: HealthcheckOptions;
}

export interface ShellInstruction extends InstructionBase {
  readonly kind: "shell";
  readonly args: readonly string[];
}

export interface OnbuildInstruction extends InstructionBase {
  readonly kind: "onbuild";
  /** The instruction to run in the child build; its ranges point into this file. */
  readonly trigger: Instruction;
  /** What the image configuration stores in `OnBuild`, heredocs included; `parseTrigger` reads it back. */
  readonly text: string;
}

export interface MaintainerInstruction extends InstructionBase {
  readonly kind: "maintainer";
  readonly author: string;
}

/** Every instruction of the Dockerfile reference, told apart by `kind`. */
export type Instruction =
  | FromInstruction
  | ArgInstruction
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | EnvInstruction
  | LabelInstruction
  | WorkdirInstruction
  | UserInstruction
  | ExposeInstruction
  | VolumeInstruction
  | StopSignalInstruction
  | CmdInstruction
  | EntrypointInstruction
  | HealthcheckInstruction
  | ShellInstruction
  | OnbuildInstruction
  | MaintainerInstruction;

export type InstructionKind = Instruction["kind"];

/** An instruction that may stand inside a stage. */
export type StageInstruction = Exclude<Instruction, FromInstruction>;

/** A build stage: a FROM and what follows it. */
export interface Stage {
  /** Position in the file, from 0: what `COPY --from=0` means. */
  readonly index: number;
  /** Lower-cased name; absent for a stage without AS. */
  readonly name?: string;
  readonly from: FromInstruction;
  /** What follows the FROM, in order; never a FROM. */
  readonly instructions: readonly StageInstruction[];
  readonly range: SourceRange;
  readonly description?: string;
}

export interface Directive {
  /** Lower-cased. */
  readonly name: "syntax" | "escape" | "check";
  readonly value: string;
  readonly range: SourceRange;
}

/** `# check=skip=A,B;error=true;experimental=all`. */
export interface CheckOptions {
  readonly skip: readonly string[];
  readonly skipAll: boolean;
  readonly error: boolean;
  readonly experimental: readonly string[];
  readonly experimentalAll: boolean;
}

export interface Directives {
  readonly list: readonly Directive[];
  /** Frontend image of `# syntax=`, first word. */
  readonly syntax?: string;
  /** The words after the image in `# syntax=`: a command line for the frontend. */
  readonly syntaxCommandLine?: string;
  readonly escape: "\\" | "`";
  readonly check: CheckOptions;
}

/** Something the parser noticed that does not stop it. */
export interface ParseWarning {
  /** Name of the build check this is. */
  readonly rule: "NoEmptyContinuation";
  readonly message: string;
  readonly url?: string;
  readonly range: SourceRange;
}

export interface Dockerfile {
  /** Name as given to `parseDockerfile`, for error messages. */
  readonly file: string;
  /** The whole text, decoded, BOM removed. */
  readonly text: string;
  readonly directives: Directives;
  /** ARG instructions before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly warnings: readonly ParseWarning[];
}
