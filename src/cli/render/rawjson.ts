import type { StrakeEvent } from "../../events/index.ts";

/** One line of JSON for an event. Output of programs is base64, because it need not be text; errors are code and message. Pure. */
export function renderRawJSON(event: StrakeEvent): string {
  const plain = Object.fromEntries(
    Object.entries(event).map(([key, value]) => {
      if (key === "data") return [key, Buffer.from(value as Uint8Array).toString("base64")];
      if (key !== "error") return [key, value];
      const { code, message, hint } = value as { code: string; message: string; hint?: string };
      return [key, { code, message, ...(hint === undefined ? {} : { hint }) }];
    }),
  );
  return `${JSON.stringify(plain)}\n`;
}
