/** Flags of skopeo, crane, oras, regctl and podman for registries, and what does their work. */
const registryFlags: Readonly<Record<string, string>> = {
  "--all": "all platforms are copied unless --platform takes one; every tag: --all-tags",
  "--multi-arch": "all platforms are copied unless --platform takes one",
  "--preserve-digests": "digests stay as they are; leave it out",
  "--format": "manifests are copied as they are; --compression packs layers of the store",
  "--recursive": "write --referrers",
  "-r": "write --referrers for what refers to the image",
  "--digest-tags": "write --referrers",
  ...withText("--insecure; for one registry alone: insecure = true in registries.conf, or hosts.toml", [
    ...["--tls-verify", "--src-tls-verify", "--dest-tls-verify", "--plain-http", "--allow-insecure-registry"],
    ...["--from-plain-http", "--to-plain-http", "--from-insecure", "--to-insecure", "--tls"],
  ]),
  ...withText("strake login keeps them for each registry; a file for one call alone: REGISTRY_AUTH_FILE", [
    ...["--creds", "--src-creds", "--dest-creds", "--src-username", "--dest-username", "--src-password"],
    ...["--dest-password", "--from-username", "--to-username", "--from-password", "--to-password"],
  ]),
  ...withText("write REGISTRY_AUTH_FILE=FILE before the command", [
    ...["--authfile", "--src-authfile", "--dest-authfile", "--registry-config", "--from-registry-config"],
  ]),
  ...withText("write DOCKER_CONFIG=FOLDER before the command", ["--config"]),
  ...withText("it tries again by itself, and goes on where it was", [
    "--retry-times",
    "--retry",
    "--retry-delay",
  ]),
};

function withText(text: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, text]));
}

const registryCommands = new Set(
  "pull push copy tags search catalog digest delete referrers login logout manifest artifact attach".split(
    " ",
  ),
);

/** What to say to somebody who typed a flag of those tools that strake does not have. */
export function registryFlagHint(flag: string, words: readonly string[]): string | undefined {
  return registryCommands.has(words[0] ?? "") && Object.hasOwn(registryFlags, flag)
    ? registryFlags[flag]
    : undefined;
}
