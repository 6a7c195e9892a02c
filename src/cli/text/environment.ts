/** The variables of the environment that commands go by, and what they mean. A test finds those in the sources that are missing here. */
export const environmentVariables: Readonly<Record<string, string>> = {
  STRAKE_ROOT:
    "the data root (root: /var/lib/strake; others: $XDG_DATA_HOME/strake or ~/.local/share/strake)",
  STRAKE_RUNROOT: "mounts, sockets and pid files (root: /run/strake; others: $XDG_RUNTIME_DIR/strake)",
  STRAKE_SNAPSHOTTER: "erofs, overlay or copy; the best that works here otherwise",
  STRAKE_RUNTIME: "crun or runc; the first that is installed otherwise",
  STRAKE_DEBUG: "when set, internal errors come with where they happened",
  NO_COLOR: "when set, no colours",
  SSL_CERT_FILE: "a bundle of certificate authorities to trust, and to lend to RUN",
  "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY": "proxies to registries, lent to RUN as well",
  DOCKER_CONFIG: "folder of the config.json that logins are read from",
  REGISTRY_AUTH_FILE: "file that logins are read from and written to",
  CONTAINERS_REGISTRIES_CONF: "registries.conf to read in place of /etc/containers/registries.conf",
  "AWS_*": "keys, region and endpoint of a registry over S3, as AWS's SDKs read them (docs/registry.md)",
  STRAKE_CERTS_DIR:
    "folder of certificates by registry, before /etc/containers/certs.d and /etc/docker/certs.d",
};
