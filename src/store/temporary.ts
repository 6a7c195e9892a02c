import { randomHex } from "../sys/index.ts";
import { currentOwner, isOwnerDead, type Owner } from "./owner.ts";

const prefix = ".tmp-";

/** A fresh name for a file or folder being written. It stands beside its final place so that rename(2) is atomic. */
export function temporaryName(): string {
  return `${prefix}${currentOwner()}-${randomHex(8)}`;
}

/** A fresh name for a temporary file that is nobody's: whoever comes next may have it. */
export function unownedName(): string {
  return `${prefix}released-${randomHex(8)}`;
}

export function isTemporaryName(name: string): boolean {
  return name.startsWith(prefix);
}

/** Whether the process that made this temporary name is gone. `age` in milliseconds, see {@link isOwnerDead}. */
export function isAbandoned(name: string, age: number): boolean {
  const owner: Owner = name.slice(prefix.length, name.lastIndexOf("-"));
  return isOwnerDead(owner, age);
}
