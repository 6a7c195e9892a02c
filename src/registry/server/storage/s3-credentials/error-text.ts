import { unescapeXML } from "../s3-xml.ts";

/** What a service says was wrong, in JSON or XML: its code and message, in one line without what is secret. */
export function errorText(text: string, secrets: readonly string[] = []): string {
  const said = fieldsOf(text).filter((part) => part !== "");
  let line = said.join(": ").replace(/[\p{Cc}\s]+/gu, " ");
  for (const secret of secrets) if (secret) line = line.replaceAll(secret, "…");
  return line.slice(0, 300).trim();
}

function fieldsOf(text: string): string[] {
  const ofXML = (name: string) => unescapeXML(new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? "");
  const fields = [ofXML("Code"), ofXML("Message")];
  if (fields.some((field) => field !== "")) return fields;
  try {
    const { code, Code, message, Message } = JSON.parse(text) as Record<string, unknown>;
    return [code ?? Code, message ?? Message].filter((field) => typeof field === "string");
  } catch {
    return [];
  }
}
