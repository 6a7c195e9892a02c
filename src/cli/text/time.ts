import { StrakeError } from "../../errors/index.ts";

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A moment in milliseconds since the epoch: RFC 3339, seconds since the epoch, or how long ago (`1h30m`, `10m`). Errors: USAGE.
 */
export function parseTime(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join("") === text)
    return now - parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit!]!, 0);
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new StrakeError("USAGE", `${JSON.stringify(text)} is no time`, {
    hint: "write 2026-01-02T15:04:05Z, seconds since 1970, or how long ago: 10m, 1h30m",
  });
}
