import { parseTOML, type TomlTable } from "./toml.ts";

/** One `[[registry]]` of registries.conf (containers-registries.conf(5), version 2). */
export interface RegistryRule {
  /** What it is about: `host`, `host/path` or `*.domain`. */
  readonly prefix: string;
  /** What the prefix is replaced with. */
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly {
    readonly location: string;
    readonly insecure: boolean;
    readonly pullFrom: "all" | "digest-only" | "tag-only";
  }[];
}

/** The rules of a file. Also understands the lists of version 1. Errors: REGISTRY_CONFIG. */
export function parseRegistriesConf(text: string, file: string): RegistryRule[] {
  const document = parseTOML(text, file);
  const rules = tables(document.registry).map(ruleOf);
  const old = (document.registries ?? {}) as TomlTable;
  for (const host of listOf(old.insecure)) rules.push(plainRule(host, { insecure: true, blocked: false }));
  for (const host of listOf(old.block)) rules.push(plainRule(host, { insecure: false, blocked: true }));
  return rules;
}

function ruleOf(entry: TomlTable): RegistryRule {
  const location = text(entry.location);
  const prefix = text(entry.prefix) || location;
  const onlyDigests = entry["mirror-by-digest-only"] === true;
  return {
    prefix,
    location: location || prefix,
    insecure: entry.insecure === true,
    blocked: entry.blocked === true,
    mirrors: tables(entry.mirror).map((mirror) => ({
      location: text(mirror.location),
      insecure: mirror.insecure === true,
      pullFrom: pullFrom(mirror["pull-from-mirror"], onlyDigests),
    })),
  };
}

function pullFrom(value: unknown, onlyDigests: boolean): "all" | "digest-only" | "tag-only" {
  if (value === "digest-only" || value === "tag-only") return value;
  return onlyDigests ? "digest-only" : "all";
}

function plainRule(host: string, flags: { insecure: boolean; blocked: boolean }): RegistryRule {
  return { prefix: host, location: host, mirrors: [], ...flags };
}

/** The rule with the longest prefix that fits `host/path`. */
export function ruleFor(rules: readonly RegistryRule[], name: string): RegistryRule | undefined {
  let best: RegistryRule | undefined;
  for (const rule of rules)
    if (fits(rule.prefix, name) && rule.prefix.length >= (best?.prefix.length ?? 0)) best = rule;
  return best;
}

function fits(prefix: string, name: string): boolean {
  if (prefix.startsWith("*.")) return name.split("/", 1)[0]!.endsWith(prefix.slice(1));
  return prefix !== "" && (name === prefix || name.startsWith(`${prefix}/`));
}

/** `name` with the rule's prefix replaced. */
export function relocate(name: string, prefix: string, location: string): string {
  if (location === "" || prefix.startsWith("*."))
    return location === "" || location.startsWith("*.") ? name : location;
  return location + name.slice(prefix.length);
}

function tables(value: unknown): TomlTable[] {
  return Array.isArray(value)
    ? value.filter((each): each is TomlTable => typeof each === "object" && !Array.isArray(each))
    : [];
}

function listOf(value: unknown): string[] {
  const list = (value as TomlTable | undefined)?.registries;
  return Array.isArray(list) ? list.filter((each): each is string => typeof each === "string") : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value.replace(/^https?:\/\//, "").replace(/\/+$/, "") : "";
}
