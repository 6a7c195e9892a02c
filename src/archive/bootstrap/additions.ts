/** Files that make a Debian behave in a container; each says why in itself, since users will find them there. */
export const additions: readonly { readonly path: string; readonly mode: number; readonly text: string }[] = [
  {
    path: "etc/apt/apt.conf.d/90container",
    mode: 0o644,
    text: `# In an image, package lists and archives are only weight: fetch no translations, keep no archives.
Acquire::Languages "none";
APT::Keep-Downloaded-Packages "false";
Binary::apt::APT::Keep-Downloaded-Packages "false";
Apt::AutoRemove::SuggestsImportant "false";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
`,
  },
  {
    path: "etc/dpkg/dpkg.cfg.d/90container",
    mode: 0o644,
    text: `# A build step that is interrupted is run again from the start: syncing every file only costs time.
force-unsafe-io
`,
  },
  {
    path: "usr/sbin/policy-rc.d",
    mode: 0o755,
    text: `#!/bin/sh
# Packages must not start services while an image is built (invoke-rc.d(8)): 101 is "not allowed".
exit 101
`,
  },
];
