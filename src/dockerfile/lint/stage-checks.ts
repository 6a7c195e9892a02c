import type { ArgInstruction, Dockerfile, Instruction, Stage } from "../ast.ts";
import type { Report } from "./finding.ts";

/** Checks that look at the instructions of one stage as they are written. */
export function checkStage(stage: Stage, hasShell: boolean, report: Report): void {
  const last = new Map<string, Instruction>();
  let shellSet = hasShell;
  for (const instruction of stage.instructions) {
    const { kind } = instruction;
    if (kind === "shell") shellSet = true;
    if (kind === "cmd" || kind === "entrypoint" || kind === "healthcheck") {
      const earlier = last.get(kind);
      const name = kind.toUpperCase();
      if (earlier)
        report(
          "MultipleInstructionsDisallowed",
          `Multiple ${name} instructions should not be used in the same stage because only the last one will be used`,
          earlier,
        );
      last.set(kind, instruction);
    }
    if ((kind === "cmd" || kind === "entrypoint") && instruction.command.form === "shell" && !shellSet)
      report(
        "JSONArgsRecommended",
        `JSON arguments recommended for ${kind.toUpperCase()} to prevent unintended behavior related to OS signals`,
        instruction,
      );
    if (kind === "maintainer")
      report(
        "MaintainerDeprecated",
        "Maintainer instruction is deprecated in favor of using label",
        instruction,
      );
    checkKeyValues(instruction, report);
  }
}

/** ENV, LABEL and ARG: the form they are written in, and names that sound like secrets. */
export function checkKeyValues(instruction: Instruction, report: Report): void {
  if (instruction.kind === "env" || instruction.kind === "label") {
    const name = instruction.kind.toUpperCase();
    const pairs = instruction.kind === "env" ? instruction.variables : instruction.labels;
    if (pairs.some(({ legacy }) => legacy))
      report(
        "LegacyKeyValueFormat",
        `"${name} key=value" should be used instead of legacy "${name} key value" format`,
        instruction,
      );
  }
  const names =
    instruction.kind === "env"
      ? instruction.variables.map(({ key }) => key)
      : instruction.kind === "arg"
        ? instruction.args.map(({ name }) => name)
        : [];
  for (const name of names)
    if (soundsSecret(name))
      report(
        "SecretsUsedInArgOrEnv",
        `Do not use ARG or ENV instructions for sensitive data (${instruction.kind.toUpperCase()} "${name}")`,
        instruction,
      );
}

const secretWords = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
/** A public key, the path of a secret's file and the version of a secret are none. */
const harmlessWords = /(?:_|^)(?:public|file|version)(?:_|$)/i;

function soundsSecret(name: string): boolean {
  return secretWords.test(name) && !harmlessWords.test(name);
}

/** All keywords in upper case, or all in lower case: the majority decides which. */
export function checkKeywordCasing({ stages }: Dockerfile, reportFor: (stage: Stage) => Report): void {
  const keywords = stages.flatMap(({ from, instructions }) => [from, ...instructions].map((i) => i.keyword));
  const lower = keywords.filter((keyword) => keyword === keyword.toLowerCase()).length;
  const upper = keywords.filter((keyword) => keyword === keyword.toUpperCase()).length;
  const majority = lower > upper ? "lowercase" : "uppercase";
  for (const stage of stages)
    for (const instruction of [stage.from, ...stage.instructions]) {
      const { keyword } = instruction;
      if (keyword === (lower > upper ? keyword.toLowerCase() : keyword.toUpperCase())) continue;
      reportFor(stage)(
        "ConsistentInstructionCasing",
        `Command '${keyword}' should match the case of the command majority (${majority})`,
        instruction,
      );
    }
}

/** A comment above FROM or ARG describes it and starts with its name. */
export function checkDescriptions(instruction: Instruction, report: Report): void {
  const names = describedNames(instruction);
  const comment = instruction.comments.at(-1);
  if (comment === undefined || names.length === 0 || names.includes(comment.split(" ", 1)[0]!)) return;
  const example = names.length > 1 ? "<arg_key>" : names[0];
  report(
    "InvalidDefinitionDescription",
    `Comment for ${instruction.kind.toUpperCase()} should follow the format: \`# ${example} <description>\``,
    instruction,
  );
}

function describedNames(instruction: Instruction): readonly string[] {
  if (instruction.kind === "arg") return (instruction as ArgInstruction).args.map(({ name }) => name);
  if (instruction.kind === "from" && instruction.stageName !== undefined) return [instruction.stageName];
  return [];
}
