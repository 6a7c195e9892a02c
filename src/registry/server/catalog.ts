import { isRepositoryPath } from "../../oci/index.ts";
import type { Call, Core } from "./core.ts";
import { blobLinksPrefix, manifestsPrefix, nameKey, nameOfKey, namesPrefix } from "./layout.ts";
import { pageResponse, parsePage } from "./protocol/page.ts";
import { type Counted, deleteCounted, putCounted } from "./quota/counted.ts";
import { encodeRecord } from "./records.ts";

/** Repositories on a page when the client names no number, as Docker's registry has it. */
const standardPage = 1000;

/** A repository in the catalog, as quotas count it. */
export function nameOf(repository: string): Counted {
  return { repository, key: nameKey(repository), amount: () => ({ repositories: 1 }) };
}

/** Puts a repository in the catalog. Throws DENIED beyond a quota. */
export async function rememberName(core: Core, repository: string): Promise<void> {
  if (await hasName(core, repository)) return;
  await putCounted(core, nameOf(repository), encodeRecord({ at: Date.now() }));
}

/** Whether something was pushed to the repository and not all of it deleted. */
async function hasName(core: Core, repository: string): Promise<boolean> {
  return (await core.objects.head(nameKey(repository))) !== undefined;
}

/** Whether the repository holds anything, if only blobs that no manifest names yet or any more. */
export async function isKnown(core: Core, repository: string): Promise<boolean> {
  if (await hasName(core, repository)) return true;
  return (await core.objects.list(blobLinksPrefix(repository), { limit: 1 })).length > 0;
}

/**
 * Takes a repository without manifests out of the catalog. A push that stored its manifest meanwhile has either seen
 * the name gone and written it again, or stored the manifest before the second look, which puts the name back.
 */
export async function deleteName(core: Core, repository: string): Promise<void> {
  const isEmpty = async () =>
    (await core.objects.list(manifestsPrefix(repository), { limit: 1 })).length === 0;
  if (!(await isEmpty())) return;
  await deleteCounted(core, nameOf(repository));
  if (!(await isEmpty())) await rememberName(core, repository);
}

/** GET /v2/_catalog: not of the distribution-spec, but everybody expects it. */
export async function listCatalog(call: Call): Promise<Response> {
  const { size, last } = parsePage(call.query, standardPage);
  const names: string[] = [];
  let after = isRepositoryPath(last) ? nameKey(last) : undefined;
  while (names.length <= size) {
    const limit = size + 1 - names.length;
    const keys = await call.core.objects.list(namesPrefix, { after, limit });
    names.push(...keys.map(nameOfKey).filter((name) => call.visible?.(name) ?? true));
    after = keys.at(-1);
    if (keys.length < limit) break;
  }
  const repositories = names.slice(0, size);
  const more = size > 0 && names.length > size;
  const next = more && { path: "/v2/_catalog", query: { n: String(size), last: repositories.at(-1)! } };
  return pageResponse({ repositories }, next || undefined);
}
