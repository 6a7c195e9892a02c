/** Bytes as Docker shows them: decimal units, three or four significant digits (`1.23GB`, `0B`). */
export function humanSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  if (unit === 0) return `${Math.round(value)}B`;
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}

/** A stretch of time in words, as Docker's `CREATED` column: `Less than a second`, `3 hours`, `2 weeks`. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.round(ms / 3_600_000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 14) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 60) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}

/** `3 hours ago`; `N/A` for a time that is not known. */
export function ago(at: number | undefined, now: number): string {
  if (at === undefined || Number.isNaN(at)) return "N/A";
  return `${humanDuration(Math.max(0, now - at))} ago`;
}

/** How long a step took: `0.04s`, `12.3s`, `2m05s`. */
export function seconds(ms: number): string {
  if (ms < 1000) return `${(ms / 1000).toFixed(2)}s`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`;
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
}

/** A digest or id cut to Docker's twelve digits, without its algorithm. */
export function shortId(id: string): string {
  return id.replace(/^sha(256|512):/, "").slice(0, 12);
}

/** The text cut to a number of columns with `…` in place of what is missing. */
export function truncate(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`;
}
