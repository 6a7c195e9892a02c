export type {
  AddInstruction,
  ArgDefinition,
  ArgInstruction,
  BindMount,
  CacheMount,
  CacheSharing,
  CheckOptions,
  CmdInstruction,
  CommandLine,
  CopyInstruction,
  DeviceRequest,
  Directive,
  Directives,
  Dockerfile,
  EntrypointInstruction,
  EnvInstruction,
  ExposeInstruction,
  Flag,
  FromInstruction,
  HealthcheckInstruction,
  HealthcheckOptions,
  Heredoc,
  Instruction,
  InstructionKind,
  KeyValue,
  LabelInstruction,
  MaintainerInstruction,
  Mount,
  NetworkMode,
  OnbuildInstruction,
  ParseWarning,
  RunInstruction,
  SecretMount,
  SecurityMode,
  ShellInstruction,
  SshMount,
  Stage,
  StageInstruction,
  StopSignalInstruction,
  TmpfsMount,
  UserInstruction,
  VolumeInstruction,
  WorkdirInstruction,
} from "./ast.ts";
export { parseCheckOptions } from "./directives.ts";
export {
  type ExpandOptions,
  type Expansion,
  expand,
  expandHeredoc,
  splitWords,
  type WordsExpansion,
} from "./expand.ts";
export {
  type ExpandedInstruction,
  type ExpandInstructionOptions,
  expandInstruction,
} from "./expand-instruction.ts";
export { Glob, type GlobOptions, globMatch, hasWildcard } from "./glob.ts";
export { heredocText } from "./heredoc.ts";
export { cleanPath, IgnoreMatcher, type IgnoreRule, parseIgnoreFile, parseIgnoreRule } from "./ignore.ts";
export {
  type LintFinding,
  type LintOptions,
  type LintResult,
  type LintRule,
  type LintRuleName,
  lintDockerfile,
  lintRules,
} from "./lint/index.ts";
export { type ParseOptions, parseDockerfile, parseRaw, parseTrigger, parseUntilError } from "./parse.ts";
export { exposedPorts } from "./ports.ts";
export type { RawInstruction } from "./raw-instruction.ts";
export { parseSignal } from "./signal.ts";
export type { Lookup, Variables } from "./variables.ts";
