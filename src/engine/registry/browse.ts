import { StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  parsePlatform,
  parseReference,
  pickPlatform,
  type Reference,
  withDefaultTag,
} from "../../oci/index.ts";
import {
  explainMissing,
  Keychain,
  missingExplained,
  Remote,
  type RemoteManifest,
  type RemoteOptions,
  type StoredLogin,
} from "../../registry/client/index.ts";

/** What a tag or digest is now, as its registry has it. Errors: REGISTRY_*. */
export async function inspectManifest(
  name: string,
  options: RemoteOptions & { readonly platform?: string } = {},
): Promise<RemoteManifest> {
  const reference = withDefaultTag(parseReference(name));
  using remote = new Remote(options);
  return await remote.read(reference, async (repository) => {
    const root = await repository.getManifest(reference.digest ?? reference.tag!, call(options));
    if (options.platform === undefined || root.kind === "manifest") return root;
    const picked = pickPlatform(root.value.manifests, parsePlatform(options.platform));
    if (picked === undefined)
      throw new StrakeError("REGISTRY_PLATFORM", `${repository.name} has no image for ${options.platform}`);
    return await repository.getManifest(picked.digest, call(options));
  });
}

/** The manifest or index that a tag or digest means now; with `platform` the manifest for that. Errors: REGISTRY_*. */
export async function resolveRemote(
  name: string,
  options: RemoteOptions & { readonly platform?: string } = {},
): Promise<Pick<Descriptor, "mediaType" | "digest" | "size">> {
  if (options.platform !== undefined) {
    const { mediaType, digest, raw } = await inspectManifest(name, options);
    return { mediaType, digest, size: raw.byteLength };
  }
  const reference = withDefaultTag(parseReference(name));
  using remote = new Remote(options);
  return await remote.read(reference, (repository) =>
    repository.resolve(reference.digest ?? reference.tag!, call(options)),
  );
}

/** Tags of a repository, as they come. Errors: REGISTRY_*. */
export async function* listTags(
  name: string,
  options: RemoteOptions = {},
): AsyncGenerator<string, void, undefined> {
  using remote = new Remote(options);
  const repository = await remote.origin(parseReference(name));
  try {
    yield* repository.tags(call(options));
  } catch (error) {
    throw await missingExplained(error, options.signal);
  }
}

/** Repositories of a registry, as far as it tells. Errors: REGISTRY_*. */
export async function* listRepositories(
  host: string,
  options: RemoteOptions = {},
): AsyncGenerator<string, void, undefined> {
  const registry = registryNamed(host);
  using remote = new Remote(options);
  yield* (await remote.registry(registry)).catalog(call(options));
}

/** `HOST[:PORT]`, as it is written before the names of images. Errors: USAGE. */
function registryNamed(text: string): string {
  const [, scheme] = /^([a-z]+:\/\/)/i.exec(text) ?? [];
  if (scheme !== undefined)
    throw new StrakeError("USAGE", `${JSON.stringify(text)} is not the name of a registry`, {
      hint: `leave ${scheme} out: --insecure is for plain HTTP beyond this machine`,
    });
  const host = text.replace(/\/$/, "");
  if (!host.includes("/")) return host;
  throw new StrakeError("USAGE", `${host} is not a registry, but something of one`, {
    hint: `list it with strake tags ${host}, or the names that hold it with strake search ${host}`,
  });
}

/** What refers to an image: signatures, attestations, SBOMs. Errors: REGISTRY_*. */
export async function listReferrers(
  name: string,
  options: RemoteOptions & { readonly artifactType?: string } = {},
): Promise<Descriptor[]> {
  const { artifactType } = options;
  return await atManifest(name, options, async (repository, { digest }) =>
    repository.referrers(digest, {
      ...call(options),
      ...(artifactType === undefined ? {} : { artifactType }),
    }),
  );
}

/** Checks credentials with the registry and keeps them where this user's other tools find them. Errors: REGISTRY_*, CREDENTIAL_HELPER. */
export async function login(
  host: string,
  credentials: { readonly username: string; readonly password: string },
  options: RemoteOptions = {},
): Promise<StoredLogin> {
  using remote = new Remote({ ...options, credentials: { kind: "basic", ...credentials } });
  await (await remote.registryForLogin(host.split("/", 1)[0]!)).ping(call(options));
  return await new Keychain(options.env).store(host, credentials);
}

/** Forgets a login. False when there was none. */
export async function logout(host: string, options: Pick<RemoteOptions, "env"> = {}): Promise<boolean> {
  return await new Keychain(options.env).erase(host);
}

type Repository = Awaited<ReturnType<Remote["repository"]>>;

async function atManifest<T>(
  name: string,
  options: RemoteOptions,
  work: (repository: Repository, subject: Pick<Descriptor, "mediaType" | "digest" | "size">) => Promise<T>,
): Promise<T> {
  const reference: Reference = withDefaultTag(parseReference(name));
  using remote = new Remote(options);
  const repository = await remote.origin(reference);
  const subject = await explainMissing(
    () => repository.resolve(reference.digest ?? reference.tag!, call(options)),
    options.signal,
  );
  return await work(repository, subject);
}

function call({ signal }: RemoteOptions): { readonly signal?: AbortSignal } {
  return signal ? { signal } : {};
}
