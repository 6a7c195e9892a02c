import type { BlobSum, TransferDone } from "../../events/index.ts";
import { humanSize, seconds } from "../text/human.ts";

/** `23.4MB/s` */
export function speedText(bytesPerSecond: number): string {
  return `${humanSize(bytesPerSecond)}/s`;
}

const past = { pull: "pulled", push: "pushed", copy: "copied", fetch: "fetched" } as const;

/** The last line of a transfer: `pulled 2 blobs, 45.6MB in 1.9s (24MB/s); already here: 1 blob, 30MB`. Pure. */
export function totalsText({ verb, moved, skipped, ms, bytesPerSecond }: TransferDone): string {
  const done =
    moved.blobs === 0
      ? `${past[verb]} nothing`
      : `${past[verb]} ${sum(moved)} in ${seconds(ms)} (${speedText(bytesPerSecond)})`;
  return [done, ...skipped.map(({ reason, ...spared }) => `${reason}: ${sum(spared)}`)].join("; ");
}

function sum({ blobs, bytes }: BlobSum): string {
  return `${blobs} ${blobs === 1 ? "blob" : "blobs"}, ${humanSize(bytes)}`;
}

/** `[=====>    ]`, as wide as asked. Pure. */
export function bar(part: number, width: number): string {
  const inner = Math.max(1, width - 2);
  const filled = Math.round(Math.min(1, Math.max(0, part)) * inner);
  const head = filled > 0 && filled < inner ? ">" : "";
  return `[${("=".repeat(filled - head.length) + head).padEnd(inner)}]`;
}
