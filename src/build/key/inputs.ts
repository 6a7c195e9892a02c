import { canonicalJSON, type Digest, sha256 } from "../../oci/index.ts";

/**
 * Everything the result of a step depends on, by name. Kept beside the result in the cache, so that a later build can say
 * which input made a step run again.
 */
export interface StepInputs {
  /** RUN, COPY, ADD or WORKDIR, with the version of its rules: a change of what a step does must miss. */
  readonly operation: string;
  /** Digest over the parent's chain of diffIDs: a parent rebuilt to the same bytes is the same parent. */
  readonly parent: string;
  readonly [name: string]: string | readonly string[] | Readonly<Record<string, string>> | undefined;
}

const utf8 = new TextEncoder();

/** The cache key of these inputs. */
export function keyOf(inputs: StepInputs): Digest {
  return sha256(utf8.encode(`strake step 1\n${canonicalJSON(inputs)}`));
}

/** One digest for a stack of layers. */
export function chainOf(layers: readonly Digest[]): string {
  return sha256(utf8.encode(layers.join("\n")));
}
