import { checkArgument, StrakeError } from "../errors/index.ts";
import { type Digest, isDigest } from "./digest.ts";

/**
 * A fully qualified image reference (the `distribution/reference` grammar): `domain/path[:tag][@digest]`.
 * Short names are already expanded: `busybox` is domain `docker.io`, path `library/busybox`.
 */
export interface Reference {
  /** Host, with a port when one was written: `docker.io`, `localhost:5000`, `[::1]:5000`. Case is kept. */
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const defaultDomain = "docker.io";
const legacyDefaultDomain = "index.docker.io";
const officialPrefix = "library/";

/** Longest `domain/path` accepted (distribution-spec, "Pulling manifests": clients limit it to 255). */
const nameLimit = 255;
/** Above any valid reference; bounds the work the regular expressions do on hostile input. */
const inputLimit = 1024;

const domainPattern =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const identifierPattern = /^[a-f0-9]{64}$/;

/**
 * Reads a reference as a person types it. Adds `docker.io` and `library/`; adds no tag (see {@link withDefaultTag}).
 * Throws REFERENCE_INVALID, and USAGE for what is no string.
 */
export function parseReference(input: string): Reference {
  checkArgument("an image reference", input, "string");
  if (input === "") throw invalid(input, "it is empty");
  if (input.length > inputLimit) throw invalid(input, `it is longer than ${inputLimit} characters`);
  if (identifierPattern.test(input))
    throw invalid(input, "64 hexadecimal digits are an image ID, not a name");

  const at = input.indexOf("@");
  const named = at === -1 ? input : input.slice(0, at);
  const digest = at === -1 ? undefined : input.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw invalid(input, "what follows @ is not a digest");

  // A colon after the last slash starts a tag; one before it belongs to a port.
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const name = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !isTag(tag)) throw invalid(input, "the tag is malformed");

  const { domain, path } = splitName(name);
  checkName(input, domain, path);
  return {
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Whether `parseReference` reads it. */
export function isReference(input: string): boolean {
  try {
    parseReference(input);
    return true;
  } catch {
    return false;
  }
}

/** 1 to 128 characters of `[A-Za-z0-9_.-]`, not starting with `.` or `-` (distribution-spec). */
export function isTag(value: string): boolean {
  return tagPattern.test(value);
}

/** Whether the string is a repository path as the distribution-spec allows it: lowercase, `/`-separated. */
export function isRepositoryPath(value: string): boolean {
  return value.length <= nameLimit && pathPattern.test(value);
}

/** The canonical form: everything written out. `parseReference(formatReference(r))` equals `r`. */
export function formatReference(reference: Reference): string {
  return repositoryName(reference) + suffix(reference);
}

/** `domain/path`, without tag and digest. */
export function repositoryName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** The repository as Docker shows it: `busybox` for `docker.io/library/busybox`. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== defaultDomain) return repositoryName(reference);
  const { path } = reference;
  const rest = path.startsWith(officialPrefix) ? path.slice(officialPrefix.length) : path;
  const short = rest.includes("/") ? path : rest;
  // `docker.io/localhost/x` shortened would name another registry.
  const again = splitName(short);
  const same = again.domain === defaultDomain && again.path === path && !identifierPattern.test(short);
  return same ? short : repositoryName(reference);
}

/** The whole reference as Docker shows it: `busybox:1.36`. Parses back to the same reference. */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

/** Adds `latest` when the reference has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: "latest" };
}

function suffix(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return tag + digest;
}

/**
 * Docker's rule: what stands before the first slash is a registry when it holds a dot or a colon, is `localhost`,
 * or has an uppercase letter (paths cannot have one).
 */
function splitName(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const isDomain = /[.:]/.test(first) || first === "localhost" || first.toLowerCase() !== first;
  const written = slash !== -1 && isDomain ? first : defaultDomain;
  const path = written === first ? name.slice(slash + 1) : name;
  const domain = written === legacyDefaultDomain ? defaultDomain : written;
  return { domain, path: domain === defaultDomain && !path.includes("/") ? officialPrefix + path : path };
}

function checkName(input: string, domain: string, path: string): void {
  if (!domainPattern.test(domain)) throw invalid(input, "the registry's host name is malformed");
  if (!pathPattern.test(path)) {
    if (pathPattern.test(path.toLowerCase())) throw invalid(input, "the repository name must be lowercase");
    throw invalid(input, "the repository name is malformed");
  }
  if (domain.length + 1 + path.length > nameLimit)
    throw invalid(input, `its name is longer than ${nameLimit} characters`);
}

function invalid(input: string, why: string): StrakeError {
  if (/^(?:https?|docker):\/\//.test(input))
    return new StrakeError(
      "REFERENCE_INVALID",
      `${JSON.stringify(input.slice(0, 160))} is not an image reference`,
      {
        hint: `leave ${input.slice(0, input.indexOf("//") + 2)} out: the name begins with the registry's host`,
      },
    );
  const shown = input.length > 160 ? `${input.slice(0, 160)}…` : input;
  return new StrakeError("REFERENCE_INVALID", `${JSON.stringify(shown)} is not an image reference: ${why}`, {
    hint: "a reference looks like name:tag, registry.example:5000/team/name:tag or name@sha256:…",
  });
}
