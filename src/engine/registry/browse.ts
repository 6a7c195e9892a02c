import { checkArgument, checkOptions, StrakeError } from "../../errors/index.ts";
import {
  type Descriptor,
  documentLimits,
  hostPlatform,
  type Platform,
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
  noPlatform,
  Remote,
  type RemoteManifest,
  type RemoteOptions,
  type Repository,
  readBlob,
  type StoredLogin,
} from "../../registry/client/index.ts";

type PlatformOptions = RemoteOptions & { readonly platform?: string };

/** What a tag or digest is now, as its registry has it; with `platform` the manifest for that. Errors: REGISTRY_*. */
export async function inspectManifest(name: string, options: PlatformOptions = {}): Promise<RemoteManifest> {
  const reference = withDefaultTag(parseReference(name));
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  using remote = new Remote(options);
  return await remote.read(reference, (repository) =>
    readManifest(repository, { reference, platform, options }),
  );
}

/**
 * The configuration of an image at its registry, without its layers: what it runs, its labels, its history; of an artifact what that has in its
 * place. Without `platform` of an index that for this machine. Errors: REGISTRY_*, BLOB_*.
 */
export async function inspectConfig(
  name: string,
  options: PlatformOptions = {},
): Promise<{ readonly raw: Uint8Array; readonly descriptor: Descriptor }> {
  const reference = withDefaultTag(parseReference(name));
  const platform = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform);
  using remote = new Remote(options);
  return await remote.read(reference, async (repository) => {
    const manifest = await readManifest(repository, { reference, platform, options });
    if (manifest.kind === "index")
      throw new StrakeError("INDEX_INVALID", `${repository.name} has an index of indexes there`, {
        hint: "name the manifest by its digest: strake manifest inspect shows them",
      });
    const descriptor = manifest.value.config;
    const raw = await readBlob(repository, descriptor, { limit: documentLimits.config, ...call(options) });
    return { raw, descriptor };
  });
}

interface Reading {
  readonly reference: Reference;
  readonly platform: Platform | undefined;
  readonly options: RemoteOptions;
}

async function readManifest(
  repository: Repository,
  { reference, platform, options }: Reading,
): Promise<RemoteManifest> {
  const root = await repository.getManifest(reference.digest ?? reference.tag!, call(options));
  if (platform === undefined || root.kind === "manifest") return root;
  const picked = pickPlatform(root.value.manifests, platform);
  if (picked === undefined)
    throw noPlatform(root.value.manifests, { wanted: platform, name: repository.name });
  return await repository.getManifest(picked.digest, call(options));
}

/** The manifest or index that a tag or digest means now; with `platform` the manifest for that. Errors: REGISTRY_*. */
export async function resolveRemote(
  name: string,
  options: PlatformOptions = {},
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
  checkArgument("the name of a registry", text, "string");
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
  checkArgument("login: the registry", host, "string");
  checkOptions("login", credentials, { username: "string", password: "string" });
  using remote = new Remote({ ...options, credentials: { kind: "basic", ...credentials } });
  await (await remote.registryForLogin(host.split("/", 1)[0]!)).ping(call(options));
  return await new Keychain(options.env).store(host, credentials);
}

/** Forgets a login. False when there was none. */
export async function logout(host: string, options: Pick<RemoteOptions, "env"> = {}): Promise<boolean> {
  checkArgument("logout: the registry", host, "string");
  return await new Keychain(options.env).erase(host);
}

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
