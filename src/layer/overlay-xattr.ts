import { StrakeError } from "../errors/index.ts";
import { quote } from "../tar/index.ts";

/**
 * The marks overlayfs keeps in an upper directory's extended attributes (Linux Documentation/filesystems/
 * overlayfs.rst): `trusted.overlay.*`, or `user.overlay.*` under the mount option userxattr.
 */
type Namespace = "trusted" | "user";

type Xattrs = ReadonlyMap<string, Uint8Array> | undefined;

const prefixes = ["trusted.overlay.", "user.overlay."] as const;

/** `opaque=y`: nothing of the layers below shows. (`x` only says that xattr whiteouts may be inside.) */
export function isOpaque(xattrs: Xattrs, namespace: Namespace): boolean {
  const value = xattrs?.get(`${namespace}.overlay.opaque`);
  return value?.length === 1 && value[0] === 0x79;
}

/** Since Linux 6.7 an empty file with this mark is a whiteout too. */
export function isXattrWhiteout(xattrs: Xattrs, namespace: Namespace): boolean {
  return xattrs?.has(`${namespace}.overlay.whiteout`) ?? false;
}

/**
 * With metacopy a file's content, with redirect a directory's is somewhere else; a layer made of it would be wrong without a
 * sound. Both namespaces: a mark of the other one is forged or from another mount. Throws `LAYER_DIFF_UNSUPPORTED`.
 */
export function refuseForeign(xattrs: Xattrs, path: string): void {
  if (!xattrs) return;
  for (const prefix of prefixes)
    for (const mark of ["metacopy", "redirect"])
      if (xattrs.has(prefix + mark))
        throw new StrakeError(
          "LAYER_DIFF_UNSUPPORTED",
          `${quote(path)} has overlayfs's mark "${mark}": its content is not in this directory`,
          { hint: "mount with metacopy=off and redirect_dir=off" },
        );
}

/**
 * The attributes that belong to the file. Overlayfs's own are not the image's business (and would be obeyed by the next overlay
 * mount), SELinux labels and NFS ACLs are the host's.
 */
export function keepXattrs(xattrs: Xattrs): ReadonlyMap<string, Uint8Array> | undefined {
  if (!xattrs) return undefined;
  const kept = new Map<string, Uint8Array>();
  for (const [name, value] of xattrs) {
    if (prefixes.some((prefix) => name.startsWith(prefix))) continue;
    if (name === "security.selinux" || name === "system.nfs4_acl") continue;
    kept.set(name, value);
  }
  return kept.size === 0 ? undefined : kept;
}
