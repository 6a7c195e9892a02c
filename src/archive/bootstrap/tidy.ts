import type { EntryHeader } from "../../tar/index.ts";

/** What becomes of a file of a fresh root file system so that two runs give the same bytes. */
export type Fate = "keep" | "drop" | "empty";

/** Folders whose contents are made anew by whoever needs them, or belong to the machine that made them. */
const dropped: readonly RegExp[] = [
  /^dev\/./,
  /^run\/(?!lock$)./,
  /^tmp\/./,
  /^var\/tmp\/./,
  /^var\/lib\/apt\/lists\/(?!partial$)./,
  /^var\/cache\/apt\/(?!archives$|archives\/partial$)./,
  /^var\/cache\/ldconfig\/aux-cache$/,
  /^var\/cache\/debconf\/.*-old$/,
  /^var\/lib\/dpkg\/.*-old$/,
  /^var\/lib\/(?:dbus\/machine-id|systemd\/random-seed|urandom\/random-seed)$/,
  // Backups that shadow's tools leave beside the files they change.
  /^etc\/(?:passwd|shadow|group|gshadow|subuid|subgid)-$/,
  // The maker's own, which mmdebstrap copies in; a container gets its own.
  /^etc\/(?:resolv\.conf|hostname)$/,
];

/** What to do with the entry at this path (no leading `./`). Pure. */
export function fateOf(path: string, type: EntryHeader["type"]): Fate {
  if (dropped.some((pattern) => pattern.test(path))) return "drop";
  if (type === "file" && path.startsWith("var/log/")) return "drop";
  // Empty means: made at the first start (machine-id(5)). Missing would be made by no one.
  if (path === "etc/machine-id") return "empty";
  return "keep";
}

/** `./usr/bin/` as `usr/bin`; "" for the root itself. */
export function plainPath(path: string): string {
  return path.replace(/^(?:\.?\/)+|^\.$/, "").replace(/\/+$/, "");
}

/** The day of the last change of passwords (shadow(5), third field) set to one that does not depend on today. */
export function settleShadow(text: string, epochSeconds: number): string {
  const day = String(Math.floor(epochSeconds / 86_400));
  return text
    .split("\n")
    .map((line) => {
      const fields = line.split(":");
      if (fields.length > 2 && fields[2] !== "") fields[2] = day;
      return fields.join(":");
    })
    .join("\n");
}
