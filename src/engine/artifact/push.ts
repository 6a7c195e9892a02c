import { StrakeError } from "../../errors/index.ts";
import { type Emit, emitNothing, withTotals } from "../../events/index.ts";
import { type Descriptor, parseReference, withDefaultTag } from "../../oci/index.ts";
import {
  type Artifact,
  explainMissing,
  pushArtifact,
  Remote,
  type RemoteOptions,
} from "../../registry/client/index.ts";
import type { Store } from "../../store/index.ts";
import { rememberingUploads } from "../copy/remember.ts";

export interface SendArtifactOptions extends RemoteOptions {
  readonly emit?: Emit;
  /** Where it is noted how far large files are, so that what is interrupted goes on when it is done again. Asked for only then; nothing is noted without it. */
  readonly store?: () => Promise<Store>;
}

/** Sends files as an artifact under a tag. Gives its descriptor. Errors: REGISTRY_*, REFERENCE_INVALID. */
export async function sendArtifact(
  name: string,
  artifact: Omit<Artifact, "subject">,
  options: SendArtifactOptions = {},
): Promise<Descriptor> {
  const reference = withDefaultTag(parseReference(name));
  if (reference.digest !== undefined)
    throw new StrakeError(
      "REFERENCE_INVALID",
      "an artifact is pushed under a tag; its digest follows from what it is",
    );
  using remote = new Remote(options);
  const repository = await remote.repository(reference);
  return await withTotals("push", options.emit ?? emitNothing, (emit) =>
    pushArtifact(repository, artifact, {
      ...{ tag: reference.tag!, emit },
      ...rememberingUploads(options.store),
      ...(options.signal ? { signal: options.signal } : {}),
    }),
  );
}

/** Attaches files to what a reference means at its registry. Gives the artifact's descriptor. Errors: REGISTRY_*. */
export async function attachArtifact(
  name: string,
  artifact: Omit<Artifact, "subject">,
  options: SendArtifactOptions = {},
): Promise<Descriptor> {
  const reference = withDefaultTag(parseReference(name));
  const call = options.signal ? { signal: options.signal } : {};
  using remote = new Remote(options);
  const repository = await remote.repository(reference);
  const subject = await explainMissing(
    () => repository.resolve(reference.digest ?? reference.tag!, call),
    options.signal,
  );
  return await withTotals("push", options.emit ?? emitNothing, (emit) =>
    pushArtifact(
      repository,
      { ...artifact, subject },
      { ...call, emit, ...rememberingUploads(options.store) },
    ),
  );
}
