import type { Admit } from "../events.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { AccessConfig } from "./config.ts";
import { compileGlobs } from "./glob.ts";

/** Refuses to move or delete the tags that the rules name. Setting one to what it already is changes nothing. */
export function immutableTags(rules: NonNullable<AccessConfig["immutableTags"]>): Admit {
  const compiled = rules.map(({ repositories, tags }) => ({
    inRepository: compileGlobs(repositories),
    isTag: compileGlobs(tags),
  }));
  return (change) => {
    if (change.kind !== "tag" || change.from === undefined || change.from === change.to) return;
    const { repository, tag } = change;
    if (compiled.some(({ inRepository, isTag }) => inRepository(repository) && isTag(tag)))
      throw new Refusal("DENIED", `the tag ${tag} is immutable in this repository`, { detail: { tag } });
  };
}
