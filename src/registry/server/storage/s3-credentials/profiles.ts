import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { userFolder } from "../../../client/index.ts";
import { parseINI, type Sections } from "./ini.ts";
import type { Environment } from "./source.ts";

export type Profile = ReadonlyMap<string, string>;

export interface Profiles {
  /** Those that were there. */
  readonly files: readonly string[];
  readonly byName: ReadonlyMap<string, Profile>;
}

/** The name of the profile that is meant, and whether somebody named it. */
export function profileName(env: Environment): { name: string; isNamed: boolean } {
  const named = env.AWS_PROFILE || undefined;
  return { name: named ?? "default", isNamed: named !== undefined };
}

export function profilePaths(env: Environment): { credentials: string; config: string } {
  const folder = join(userFolder(env), ".aws");
  return {
    credentials: env.AWS_SHARED_CREDENTIALS_FILE || join(folder, "credentials"),
    config: env.AWS_CONFIG_FILE || join(folder, "config"),
  };
}

/** The profiles of both files as they are now; where both have a setting, the credentials file's holds. A file that is not there has none. */
export async function readProfiles(env: Environment): Promise<Profiles> {
  const paths = profilePaths(env);
  const config = await read(paths.config);
  const credentials = await read(paths.credentials);
  const byName = new Map<string, Profile>();
  for (const [header, settings] of config ?? []) {
    const name = /^profile\s+["']?(.+?)["']?$/.exec(header)?.[1];
    if (name !== undefined) byName.set(name, settings);
  }
  // `[profile default]` holds in place of `[default]`.
  const plain = config?.get("default");
  if (plain && !byName.has("default")) byName.set("default", plain);
  for (const [name, settings] of credentials ?? [])
    byName.set(name, new Map([...(byName.get(name) ?? []), ...settings]));
  const files = [...(credentials ? [paths.credentials] : []), ...(config ? [paths.config] : [])];
  return { files, byName };
}

async function read(path: string): Promise<Sections | undefined> {
  try {
    return parseINI(await readFile(path, "utf8"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new Error(`${path} cannot be read: ${code}`);
  }
}

/** The region of the profile, for who names none in the environment. */
export async function profileRegion(env: Environment): Promise<string | undefined> {
  const { byName } = await readProfiles(env);
  return byName.get(profileName(env).name)?.get("region") || undefined;
}
