import { expandInstruction, type StageInstruction } from "../../dockerfile/index.ts";
import { StrakeError } from "../../errors/index.ts";

/**
 * Refuses words whose quotes or braces do not end. Asked of the whole plan: whatever the variables will be, no step needs to run to see it.
 * Errors: DOCKERFILE_EXPANSION.
 */
export function refuseMalformed(instruction: StageInstruction, escapeCharacter: string): void {
  try {
    expandInstruction(instruction, new Map(), { escape: escapeCharacter });
  } catch (error) {
    // What the values are to blame for is not known before they are.
    if (error instanceof StrakeError && error.code === "DOCKERFILE_EXPANSION") throw error;
  }
}
