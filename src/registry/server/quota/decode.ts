import {
  amount,
  type ConfigValue,
  configError,
  items,
  members,
  repositoryPattern,
  size,
} from "../config/value.ts";
import type { QuotaRule } from "./rules.ts";

/** The quotas among the access rules. Throws REGISTRY_SERVER_CONFIG. */
export function decodeQuotas(value: ConfigValue): QuotaRule[] {
  return items(value).map(decodeOne);
}

function decodeOne(value: ConfigValue): QuotaRule {
  const found = members(value, [
    ...(["repositories", "namespaces", "maxBytes", "maxTags", "maxRepositories"] as const),
  ]);
  const globs = (list: ConfigValue | undefined) => list && items(list).map(repositoryPattern);
  const { repositories, namespaces, maxBytes, maxTags, maxRepositories } = found;
  if (!repositories === !namespaces)
    throw configError(value.path, "it is about repositories or about namespaces");
  if (!maxBytes && !maxTags && !maxRepositories) throw configError(value.path, "it limits nothing");
  if (maxRepositories && repositories)
    throw configError(maxRepositories.path, "a repository holds no repositories", "limit namespaces");
  return {
    repositories: globs(repositories),
    namespaces: globs(namespaces),
    maxBytes: maxBytes && size(maxBytes),
    maxTags: maxTags && amount(maxTags),
    maxRepositories: maxRepositories && amount(maxRepositories),
  };
}
