import { isSpace } from "./characters.ts";

/**
 * Splits at blanks that are neither quoted nor escaped and keeps quotes and escape characters in the words: how ENV,
 * LABEL and ARG find their `name=value` words before anything is expanded.
 */
export function quotedWords(text: string, escapeCharacter: string): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  // `""` is a word although it is empty once its quotes are gone.
  let started = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (quote === "" && isSpace(text.charCodeAt(i))) {
      if (started) words.push(word);
      word = "";
      started = false;
      continue;
    }
    if (character === escapeCharacter && quote !== "'") {
      // An escape character at the very end stands for nothing.
      if (i + 1 === text.length) break;
      word += character + text[++i];
      started = true;
      continue;
    }
    if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character === quote) quote = "";
    word += character;
    started = true;
  }
  if (started) words.push(word);
  return words;
}
