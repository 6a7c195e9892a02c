import { capabilities, hasImageIds, inUserNamespace } from "../../sys/index.ts";

/** What of a layer this process can bring to disk. What it cannot is left out, as rootless container tools do. */
export interface Rights {
  /** Give files to other owners; without, everything belongs to this user. */
  readonly owners: boolean;
  /** Make device nodes other than whiteouts. */
  readonly devices: boolean;
  /** `trusted.*`, which only root of the initial user namespace has. */
  readonly trustedXattrs: boolean;
  /** `security.capability` and its like. */
  readonly securityXattrs: boolean;
}

let known: Rights | undefined;

/** The rights of this process, found out once. */
export function processRights(): Rights {
  if (known === undefined) {
    const { effective } = capabilities();
    const initial = !inUserNamespace();
    known = {
      owners: effective.has("CAP_CHOWN") && effective.has("CAP_FOWNER") && hasImageIds(),
      devices: initial && effective.has("CAP_MKNOD"),
      trustedXattrs: initial && effective.has("CAP_SYS_ADMIN"),
      securityXattrs: effective.has("CAP_SETFCAP"),
    };
  }
  return known;
}

/** Whether an extended attribute can be set with these rights. */
export function maySetXattr(rights: Rights, name: string): boolean {
  if (name.startsWith("trusted.")) return rights.trustedXattrs;
  if (name.startsWith("security.")) return rights.securityXattrs;
  return true;
}
