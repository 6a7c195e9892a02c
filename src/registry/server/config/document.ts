import { configError } from "./value.ts";

/** The value in a configuration file's text: JSON for a name that ends so, else TOML. Throws REGISTRY_SERVER_CONFIG. */
export function parseDocument(name: string, content: string): unknown {
  const isJSON = name.endsWith(".json");
  try {
    return isJSON ? JSON.parse(content) : Bun.TOML.parse(content);
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).replace(/^TOML Parse error: /, "");
    const at = isJSON ? name : `${name}:${brokenLine(content)}`;
    throw configError(at, why, isJSON ? "this has to be JSON" : "this has to be TOML");
  }
}

/** Bun's parser does not say where: the first line after the longest beginning that is good by itself. */
function brokenLine(content: string): number {
  const lines = content.split("\n");
  for (let count = lines.length - 1; count > 0; count--) {
    try {
      Bun.TOML.parse(lines.slice(0, count).join("\n"));
      return count + 1;
    } catch {
      // One line less, then.
    }
  }
  return 1;
}

/** One document over another: objects are merged, lists and plain values replaced. */
export function mergeDocuments(below: unknown, above: unknown): unknown {
  if (above === undefined) return below;
  if (!isObject(below) || !isObject(above)) return above;
  const merged: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) merged[name] = mergeDocuments(merged[name], value);
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
