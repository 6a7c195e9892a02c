import { StrakeError } from "../../errors/index.ts";
import type { BindPropagation } from "../spec/mounts.ts";

/** A mount as the user asks for it, before volumes are named and paths looked at. */
export type MountRequest =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly destination: string;
      readonly readonly: boolean;
      readonly propagation?: BindPropagation;
      /** `-v` makes a missing source a directory, `--mount` refuses it; as in Docker. */
      readonly createSource: boolean;
    }
  | {
      readonly type: "volume";
      /** Absent: an anonymous one. */
      readonly name?: string;
      readonly destination: string;
      readonly readonly: boolean;
      readonly noCopy: boolean;
    }
  | { readonly type: "tmpfs"; readonly destination: string; readonly options: readonly string[] };

const propagations: readonly BindPropagation[] = [
  "rprivate",
  "private",
  "rslave",
  "slave",
  "rshared",
  "shared",
];

/**
 * Reads `-v`: `destination`, `name:destination[:options]` or `/path:destination[:options]`. `cwd` makes `./path` absolute.
 * Options are a closed list: an unknown word never reaches mount(2) (CVE-2024-9407). Errors: VOLUME_INVALID.
 */
export function parseVolume(text: string, cwd: string): MountRequest {
  const parts = text.split(":");
  if (parts.length > 3 || parts.some((part) => part === ""))
    throw invalid(text, "it is not [source:]destination[:options]");
  if (parts.length === 1)
    return { type: "volume", destination: destination(text, parts[0]!), readonly: false, noCopy: false };
  const [source, target, optionText = ""] = parts as [string, string, string?];
  let readonly = false;
  let noCopy = false;
  let propagation: BindPropagation | undefined;
  for (const option of optionText.split(",").filter((word) => word !== "")) {
    if (option === "ro" || option === "readonly") readonly = true;
    else if (option === "rw") readonly = false;
    else if (option === "nocopy") noCopy = true;
    else if (option === "z" || option === "Z" || ["cached", "delegated", "consistent"].includes(option))
      continue;
    else if (propagations.includes(option as BindPropagation)) propagation = option as BindPropagation;
    else throw invalid(text, `"${option}" is not an option`);
  }
  const where = destination(text, target);
  if (source.startsWith("/") || source.startsWith("."))
    return {
      type: "bind",
      source: source.startsWith("/") ? source : `${cwd}/${source}`,
      destination: where,
      readonly,
      createSource: true,
      ...(propagation ? { propagation } : {}),
    };
  if (propagation) throw invalid(text, "a named volume has no propagation");
  return { type: "volume", name: volumeName(text, source), destination: where, readonly, noCopy };
}

/** Reads `--mount type=bind|volume|tmpfs,source=…,target=…,readonly,…`. Errors: VOLUME_INVALID. */
export function parseMount(text: string, cwd: string): MountRequest {
  const fields = new Map<string, string>();
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    fields.set(
      (at < 0 ? part : part.slice(0, at)).trim().toLowerCase(),
      at < 0 ? "true" : part.slice(at + 1),
    );
  }
  const take = (...names: string[]): string | undefined => {
    let found: string | undefined;
    for (const name of names) {
      found ??= fields.get(name);
      fields.delete(name);
    }
    return found;
  };
  const type = take("type") ?? "volume";
  const source = take("source", "src");
  const where = destination(text, take("target", "destination", "dst") ?? "");
  const readonly = isTrue(take("readonly", "ro"));
  const result = (): MountRequest => {
    if (type === "tmpfs") {
      if (source !== undefined) throw invalid(text, "a tmpfs has no source");
      const size = take("tmpfs-size");
      const mode = take("tmpfs-mode");
      return {
        type: "tmpfs",
        destination: where,
        options: [
          ...(size ? [`size=${size}`] : []),
          ...(mode ? [`mode=${mode}`] : []),
          ...(readonly ? ["ro"] : []),
        ],
      };
    }
    if (type === "volume") {
      const noCopy = isTrue(take("volume-nocopy"));
      const name = source === undefined || source === "" ? {} : { name: volumeName(text, source) };
      return { type: "volume", ...name, destination: where, readonly, noCopy };
    }
    if (type !== "bind") throw invalid(text, `there is no mount type "${type}"`);
    if (!source) throw invalid(text, "a bind needs a source");
    const propagation = take("bind-propagation");
    take("consistency");
    if (propagation !== undefined && !propagations.includes(propagation as BindPropagation))
      throw invalid(text, `"${propagation}" is not a propagation`);
    return {
      type: "bind",
      source: source.startsWith("/") ? source : `${cwd}/${source}`,
      destination: where,
      readonly,
      createSource: false,
      ...(propagation ? { propagation: propagation as BindPropagation } : {}),
    };
  };
  const request = result();
  const unknown = [...fields.keys()][0];
  if (unknown !== undefined) throw invalid(text, `"${unknown}" is not a field of a ${type} mount`);
  return request;
}

/** Reads `--tmpfs path[:options]`; the options are passed to tmpfs(5) after a check of their words. */
export function parseTmpfs(text: string): MountRequest {
  const at = text.indexOf(":");
  const options = at < 0 ? [] : text.slice(at + 1).split(",");
  for (const option of options)
    if (
      !/^(size|mode|uid|gid|nr_inodes|nr_blocks)=[0-9a-zA-Z%]+$|^(no)?(exec|suid|dev|atime)$|^r[ow]$/.test(
        option,
      )
    )
      throw invalid(text, `"${option}" is not an option of a tmpfs`);
  return { type: "tmpfs", destination: destination(text, at < 0 ? text : text.slice(0, at)), options };
}

/** A volume's name is a folder's name: nothing that could lead elsewhere (CVE-2024-9675). */
export function volumeName(text: string, name: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) && name.length <= 255) return name;
  throw invalid(
    text,
    `"${name}" is not a volume name`,
    name.includes("/") ? `for a folder of the host write ./${name} or its whole path` : undefined,
  );
}

function destination(text: string, path: string): string {
  if (path === "") throw invalid(text, "it does not say where in the container: target=/path");
  if (!path.startsWith("/") || path.includes("\0"))
    throw invalid(text, `the destination "${path}" is not an absolute path`);
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  if (parts.length === 0) throw invalid(text, "the destination cannot be /");
  return `/${parts.join("/")}`;
}

function isTrue(value: string | undefined): boolean {
  return value === "true" || value === "1" || value === "";
}

function invalid(text: string, why: string, hint?: string): StrakeError {
  return new StrakeError("VOLUME_INVALID", `invalid mount "${text}": ${why}`, { hint, exitCode: 125 });
}
