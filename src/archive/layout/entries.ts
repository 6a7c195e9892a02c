import { type Descriptor, parseReference } from "../../oci/index.ts";

const ociName = "org.opencontainers.image.ref.name";
const containerdName = "io.containerd.image.name";

/** The name an entry of index.json has there. */
export function refName(entry: Descriptor): string | undefined {
  return entry.annotations?.[ociName] ?? entry.annotations?.[containerdName];
}

/** Whether a name means this entry: what the OCI annotation says, the whole name of containerd's, or its tag. */
export function namesEntry(entry: Descriptor, name: string): boolean {
  const whole = entry.annotations?.[containerdName];
  return (
    entry.annotations?.[ociName] === name || whole === name || (whole !== undefined && tagOf(whole) === name)
  );
}

function tagOf(reference: string): string | undefined {
  try {
    return parseReference(reference).tag;
  } catch {
    return undefined;
  }
}

/** The entries with one more. A name means one image: who had it loses it, and stays only if it is somebody's referrer or has another. */
export function withEntry(
  entries: readonly Descriptor[],
  entry: Descriptor,
  name: string | undefined,
): Descriptor[] {
  if (name === undefined)
    return entries.some(({ digest }) => digest === entry.digest) ? [...entries] : [...entries, entry];
  const others = entries.filter((each) => !namesEntry(each, name));
  const unnamed = others.filter((each) => each.digest !== entry.digest || refName(each) !== undefined);
  return [...unnamed, { ...entry, annotations: { ...entry.annotations, [ociName]: name } }];
}
