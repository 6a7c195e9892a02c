import { StrakeError } from "../../errors/index.ts";
import { encodeRecord, readRecord } from "./records.ts";
import { whileUnchanged } from "./storage/fault.ts";
import type { ObjectStore } from "./storage/object-store.ts";

/** Changes with the layout of keys (`layout.ts`) or of what is in them, when an older program would do harm. */
const current = 1;
const key = "format";

/**
 * Looks whether the storage is one this program understands, and says in it which it is. Throws REGISTRY_STORAGE for one that a
 * newer program has written.
 */
export async function checkFormat(objects: ObjectStore): Promise<void> {
  const found = await readRecord<{ version?: unknown }>(objects, key);
  if (found === undefined) {
    // One that takes no writes now is of this format all the same.
    const write = () => objects.put(key, encodeRecord({ version: current }), { ifNoneMatch: "*" });
    await whileUnchanged(write).catch(() => {});
    return;
  }
  const { version } = found.value;
  if (version === current) return;
  throw new StrakeError(
    "REGISTRY_STORAGE",
    `the storage has the format ${JSON.stringify(version)}, and this program knows ${current}`,
    { hint: "a newer strake has written it: serve it with that one" },
  );
}
