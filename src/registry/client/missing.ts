import { nearby, StrakeError, throwIfAborted } from "../../errors/index.ts";
import { isDigest, isRepositoryPath, isTag } from "../../oci/index.ts";
import { pages } from "./paging.ts";
import type { Line } from "./registry.ts";

/** What was not there. */
export interface Missing {
  readonly line: Line;
  /** Of the repository. */
  readonly path: string;
  /** Tag or digest. Absent: the repository itself. */
  readonly reference?: string;
}

const patienceMs = 5000;
const pagesRead = 5;
const tagsShown = 8;
const repositoriesShown = 3;

/** Asking costs requests, so it is done where a person reads the answer; until then it is known here what an error is about. */
const known = new WeakMap<StrakeError, Missing>();

/** Keeps what a REGISTRY_NOT_FOUND is about. */
export function noteMissing(error: StrakeError, missing: Missing): StrakeError {
  if (error.code === "REGISTRY_NOT_FOUND") known.set(error, missing);
  return error;
}

/**
 * Does `work`; an error that a registry has no such tag or repository becomes one that says which of the two it is, and names what is near.
 * What the registry does not tell, or not soon, is left out.
 */
export async function explainMissing<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw await missingExplained(error, signal);
  }
}

/** What `explainMissing` throws for an error: that itself when it is about something else. */
export async function missingExplained(error: unknown, signal?: AbortSignal): Promise<unknown> {
  const missing = error instanceof StrakeError ? known.get(error) : undefined;
  return missing === undefined ? error : await explain(error as StrakeError, missing, signal);
}

async function explain(
  error: StrakeError,
  missing: Missing,
  signal: AbortSignal | undefined,
): Promise<StrakeError> {
  const patience = AbortSignal.timeout(patienceMs);
  const either = signal ? AbortSignal.any([signal, patience]) : patience;
  const { line, path, reference } = missing;
  const tags = await listed(line, {
    path: `${path}/tags/list`,
    field: "tags",
    scope: `repository:${path}:pull`,
    signal: either,
  });
  throwIfAborted(signal);
  if (Array.isArray(tags))
    return reference === undefined ? error : withoutTag(error, missing, tags.filter(isTag).sort());
  if (tags !== "missing") return error;
  const names = await listed(line, {
    path: "_catalog",
    field: "repositories",
    scope: "registry:catalog:*",
    signal: either,
  });
  throwIfAborted(signal);
  return withoutRepository(error, missing, Array.isArray(names) ? names.filter(isRepositoryPath) : undefined);
}

/** The repository is there. */
function withoutTag(
  { code, cause }: StrakeError,
  { line, path, reference = "" }: Missing,
  tags: readonly string[],
): StrakeError {
  const name = `${line.name}/${path}`;
  if (isDigest(reference))
    return new StrakeError(code, `${name} has no manifest ${reference}`, {
      cause,
      hint: `the repository is there; what its tags mean: strake digest ${name}:TAG`,
    });
  if (tags.length === 0)
    return new StrakeError(code, `${name} has no tag ${reference}`, {
      cause,
      hint: "the repository is there, without any tag",
    });
  const near = nearby(reference, tags, tagsShown);
  const shown = [...new Set([...near, ...tags])].slice(0, tagsShown);
  const all = tags.length > shown.length ? `; all ${tags.length}: strake tags ${name}` : "";
  const meant = near[0] === undefined ? "" : ` (did you mean ${near[0]}?)`;
  const it = near.length > 0 && all !== "" ? "tags near it are" : "its tags are";
  return new StrakeError(code, `${name} has no tag ${reference}${meant}`, {
    cause,
    hint: `the repository is there; ${it} ${(all !== "" && near.length > 0 ? near : shown).join(", ")}${all}`,
  });
}

function withoutRepository(
  { code, cause }: StrakeError,
  { line, path }: Missing,
  names: readonly string[] | undefined,
): StrakeError {
  const near = nearby(path, names ?? [], repositoriesShown);
  const meant = near.length === 0 ? "" : ` (did you mean ${near.join(" or ")}?)`;
  // A registry may list only what the asker may see, and hide the rest behind the same answer.
  const hint =
    names === undefined
      ? `check the name; if it is private, log in: strake login ${line.name}`
      : `what is there: strake catalog ${line.name}; if it is private, log in: strake login ${line.name}`;
  return new StrakeError(code, `${line.name} has no repository ${path}${meant}`, { cause, hint });
}

interface List {
  /** Below the API's root. */
  readonly path: string;
  readonly field: string;
  readonly scope: string;
  readonly signal: AbortSignal;
}

/** The beginning of a list; `missing` when there is no such list, undefined when nobody tells. */
async function listed(
  line: Line,
  { path, field, scope, signal }: List,
): Promise<string[] | "missing" | undefined> {
  const url = new URL(`${line.root}/${path}?n=1000`, line.base);
  const request = { method: "GET", url, headers: {}, scopes: [scope], retry: false, signal } as const;
  const found: string[] = [];
  let count = 0;
  try {
    for await (const page of pages({ send: line.send, retry: { attempts: 1 } }, request, "a list")) {
      const names = (page as Record<string, unknown> | null)?.[field] ?? [];
      if (!Array.isArray(names)) return undefined;
      found.push(...names.filter((name) => typeof name === "string"));
      if (++count >= pagesRead) break;
    }
    return found;
  } catch (error) {
    return error instanceof StrakeError && error.code === "REGISTRY_NOT_FOUND" ? "missing" : undefined;
  }
}
