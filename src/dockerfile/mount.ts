import { didYouMean, StrakeError } from "../errors/index.ts";
import type { CacheSharing, Flag, Mount } from "./ast.ts";
import { csvFields } from "./csv.ts";
import { parseBool, parseSize, parseUint32 } from "./go-values.ts";

/** Keys of `--mount` by what they mean; `false` in `rw` is `true` in `readonly`. */
const keyNames: Readonly<Record<string, string>> = {
  type: "type",
  from: "from",
  source: "source",
  src: "source",
  target: "target",
  dst: "target",
  destination: "target",
  readonly: "readonly",
  ro: "readonly",
  readwrite: "readwrite",
  rw: "readwrite",
  id: "id",
  sharing: "sharing",
  required: "required",
  size: "size",
  mode: "mode",
  uid: "uid",
  gid: "gid",
  env: "env",
};

/** Which types take the keys that not every type takes. */
const allowedTypes: Readonly<Record<string, readonly MountType[]>> = {
  sharing: ["cache"],
  required: ["secret", "ssh"],
  size: ["tmpfs"],
  mode: ["cache", "secret", "ssh"],
  uid: ["cache", "secret", "ssh"],
  gid: ["cache", "secret", "ssh"],
  env: ["secret"],
};

type MountType = Mount["type"];
const mountTypes: readonly string[] = ["bind", "cache", "tmpfs", "secret", "ssh"];
const sharingModes: readonly string[] = ["shared", "private", "locked"];
const flags: ReadonlySet<string> = new Set(["readonly", "readwrite", "required"]);

/** A key of a mount as written, and its value once it is known. */
interface Setting {
  readonly key: string;
  /** Undefined while it holds variables that nobody expanded yet. */
  readonly value: string | undefined;
}

/**
 * Reads one `--mount` of RUN. Without `expandValue`, values that hold variables or quotes are left out of the
 * result and only the others are checked. Throws `DOCKERFILE_FLAG_INVALID`.
 */
export function parseMount(flag: Flag, expandValue?: (value: string) => string): Mount {
  const settings = new Map<string, Setting>();
  for (const field of csvFields(flag.value ?? "")) {
    const setting = readField(field, expandValue);
    settings.set(keyNames[setting.key]!, setting);
    // `ro` and `rw` say the same thing: the later one counts.
    if (keyNames[setting.key] === "readonly") settings.delete("readwrite");
    if (keyNames[setting.key] === "readwrite") settings.delete("readonly");
  }
  const type = (settings.get("type")?.value?.toLowerCase() ?? "bind") as MountType;
  if (!mountTypes.includes(type))
    throw invalid(`unsupported mount type "${type}"${didYouMean(type, mountTypes)}`);
  const typeKnown = !settings.has("type") || settings.get("type")!.value !== undefined;
  if (typeKnown) checkKeys(type, settings);
  return build(type, flag, settings);
}

function readField(field: string, expandValue: ((value: string) => string) | undefined): Setting {
  const equals = field.indexOf("=");
  const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
  if (!Object.hasOwn(keyNames, key)) {
    if (equals < 0) throw invalid(`invalid field '${field}' must be a key=value pair`);
    throw invalid(`unexpected key '${key}' in '${field}'${didYouMean(key, Object.keys(keyNames))}`);
  }
  if (equals < 0) {
    if (!flags.has(keyNames[key]!)) throw invalid(`invalid field '${field}' must be a key=value pair`);
    return { key, value: "true" };
  }
  const value = field.slice(equals + 1);
  if (key === "from") {
    // The stages a build needs must be known before any variable is.
    if (/\$./.test(value))
      throw invalid(`'${key}' doesn't support variable expansion, define alias stage instead`);
    return { key, value };
  }
  if (expandValue) return { key, value: expandValue(value) };
  return { key, value: /[$'"\\`]/.test(value) ? undefined : value };
}

function checkKeys(type: MountType, settings: ReadonlyMap<string, Setting>): void {
  for (const [name, setting] of settings) {
    if (Object.hasOwn(allowedTypes, name) && !allowedTypes[name]!.includes(type))
      throw invalid(`unexpected key '${setting.key}' for mount type '${type}'`);
  }
  if (type === "secret") {
    if (settings.has("from")) throw invalid("secret mount should not have a from");
    if (!settings.has("source") && !settings.has("target") && !settings.has("id"))
      throw invalid("invalid secret mount. one of source, target required");
    if (settings.has("source") && settings.has("id")) throw invalid("both source and id can't be set");
  }
  if (type === "ssh" && settings.has("source")) throw invalid("ssh mount does not support source");
  const target = settings.get("target")?.value;
  if (target !== undefined && /^\/[/.]*$/.test(target) && !target.includes("..."))
    throw invalid(`invalid mount target "${target}"`);
}

function build(type: MountType, flag: Flag, settings: ReadonlyMap<string, Setting>): Mount {
  const text = (name: string) => settings.get(name)?.value || undefined;
  const boolean = (name: string) => convert(settings.get(name), parseBool);
  const readonly =
    boolean("readonly") ?? negate(boolean("readwrite")) ?? (type !== "cache" && type !== "tmpfs");
  const base = { range: flag.range, target: text("target"), readonly };
  const owner = {
    mode: convert(settings.get("mode"), (value) => parseUint32(value, 8)),
    uid: convert(settings.get("uid"), (value) => parseUint32(value, 10)),
    gid: convert(settings.get("gid"), (value) => parseUint32(value, 10)),
  };
  const required = boolean("required") ?? false;
  switch (type) {
    case "bind":
      return defined({ type, ...base, from: text("from"), source: text("source") });
    case "cache":
      return defined({
        type,
        ...base,
        ...owner,
        id: text("id"),
        from: text("from"),
        source: text("source"),
        sharing: sharing(settings.get("sharing")?.value),
      });
    case "tmpfs":
      return defined({ type, ...base, size: convert(settings.get("size"), parseSize) });
    case "secret":
      return defined({
        type,
        ...base,
        ...owner,
        id: text("source") ?? text("id"),
        env: text("env"),
        required,
      });
    case "ssh":
      return defined({ type, ...base, ...owner, id: text("id"), required });
  }
}

function sharing(value: string | undefined): CacheSharing {
  if (value === undefined) return "shared";
  const mode = value.toLowerCase();
  if (!sharingModes.includes(mode))
    throw invalid(`unsupported sharing value "${value}"${didYouMean(value, sharingModes)}`);
  return mode as CacheSharing;
}

function convert<T>(setting: Setting | undefined, parse: (value: string) => T | undefined): T | undefined {
  if (setting?.value === undefined) return undefined;
  const value = parse(setting.value);
  if (value === undefined) throw invalid(`invalid value for ${setting.key}: ${setting.value}`);
  return value;
}

function negate(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}

/** The same object without its undefined fields. */
function defined<T extends object>(value: T): T {
  for (const key of Object.keys(value) as (keyof T)[]) if (value[key] === undefined) delete value[key];
  return value;
}

function invalid(message: string): StrakeError {
  return new StrakeError("DOCKERFILE_FLAG_INVALID", message);
}
