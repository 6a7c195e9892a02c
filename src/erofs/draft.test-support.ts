import { type Entry, type EntryHeader, TarScanner, TarWriter } from "../tar/index.ts";

/** An entry in short: what is left out is a 0644 file (0755 directory) of root with time 0. */
export interface Draft extends Partial<EntryHeader> {
  readonly path: string;
  readonly body?: string | Uint8Array;
}

export function header(draft: Draft): EntryHeader {
  const { body, ...fields } = draft;
  const type = draft.type ?? (draft.linkname ? "symlink" : draft.path.endsWith("/") ? "directory" : "file");
  return {
    type,
    mode: type === "directory" ? 0o755 : type === "symlink" ? 0o777 : 0o644,
    uid: 0,
    gid: 0,
    size: bodyOf(draft).length,
    mtime: 0,
    mtimeNsec: 0,
    linkname: "",
    uname: "",
    gname: "",
    devmajor: 0,
    devminor: 0,
    ...fields,
  };
}

/** The tar of some drafts. */
export async function makeTar(drafts: readonly Draft[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const writer = new TarWriter((chunk) => {
    chunks.push(Uint8Array.from(chunk));
  });
  for (const draft of drafts) await writer.add(header(draft), bodyOf(draft));
  await writer.finish();
  return Buffer.concat(chunks);
}

export function scanTar(tar: Uint8Array): Entry[] {
  const entries: Entry[] = [];
  const scanner = new TarScanner({ onEntry: (entry) => entries.push(entry) });
  scanner.write(tar);
  scanner.end();
  return entries;
}

function bodyOf(draft: Draft): Uint8Array {
  return typeof draft.body === "string" ? Buffer.from(draft.body) : (draft.body ?? new Uint8Array(0));
}
