import { compileGlobs } from "../access/glob.ts";

/** How much may be stored. What is cached of other registries has limits of its own and counts nowhere. */
export interface QuotaRule {
  /** Globs: every repository that matches has these limits for itself. */
  readonly repositories?: readonly string[];
  /** Globs of names: all repositories below a name that matches share these limits. `*` is every first component. */
  readonly namespaces?: readonly string[];
  /** Bytes of blobs and manifests. A blob counts in every repository that holds it, until it is collected there. */
  readonly maxBytes?: number;
  readonly maxTags?: number;
  /** Repositories with a manifest. Only for namespaces. */
  readonly maxRepositories?: number;
}

/** What is counted. */
export interface Usage {
  readonly bytes: number;
  readonly tags: number;
  readonly repositories: number;
}

/** What a quota is about, with the strictest limits of all rules about it. */
export interface Account {
  readonly kind: "repository" | "namespace";
  readonly name: string;
  readonly limits: Usage;
}

/** The accounts a repository counts for. */
export function compileQuotas(rules: readonly QuotaRule[]): (repository: string) => Account[] {
  const compiled = rules.map((rule) => ({
    isRepository: compileGlobs(rule.repositories ?? []),
    isNamespace: compileGlobs(rule.namespaces ?? []),
    limits: {
      bytes: rule.maxBytes ?? Number.POSITIVE_INFINITY,
      tags: rule.maxTags ?? Number.POSITIVE_INFINITY,
      repositories: rule.maxRepositories ?? Number.POSITIVE_INFINITY,
    },
  }));
  return (repository) => {
    const accounts: Account[] = [];
    const add = (kind: Account["kind"], name: string, fitting: typeof compiled) => {
      if (fitting.length === 0) return;
      const strictest = (key: keyof Usage) => Math.min(...fitting.map(({ limits }) => limits[key]));
      const [bytes, tags, repositories] = [strictest("bytes"), strictest("tags"), strictest("repositories")];
      accounts.push({ kind, name, limits: { bytes, tags, repositories } });
    };
    for (let slash = repository.indexOf("/"); slash > 0; slash = repository.indexOf("/", slash + 1)) {
      const name = repository.slice(0, slash);
      add(
        "namespace",
        name,
        compiled.filter(({ isNamespace }) => isNamespace(name)),
      );
    }
    add(
      "repository",
      repository,
      compiled.filter(({ isRepository }) => isRepository(repository)),
    );
    return accounts;
  };
}
