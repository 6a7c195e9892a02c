import { resolveUserIn } from "../../layer/index.ts";
import type { ResolveUser } from "../lifecycle/record.ts";

/** Users by the passwd and group files a container has now, with the rules builds use for the image's. */
export const resolveAccount: ResolveUser = (user, readFile) => {
  const { uid, gid, groups, home } = resolveUserIn(readFile, user);
  return { user: { uid, gid, additionalGids: groups }, home };
};
