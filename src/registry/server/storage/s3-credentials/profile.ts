import type { S3Credentials } from "../s3-sign.ts";
import { assumeRole } from "./assume-role.ts";
import { fromContainer } from "./container.ts";
import { fromEnvironment } from "./environment.ts";
import { fromInstance } from "./instance.ts";
import { runProcess } from "./process.ts";
import { type Profile, type Profiles, profileName, profilePaths, readProfiles } from "./profiles.ts";
import type { Environment, Found, Source } from "./source.ts";
import { stsEndpoint } from "./sts.ts";
import { assumeWithToken } from "./web-identity.ts";

/** A file with keys is read again so often, and when they are refused. */
const recheck = 60_000;

/** AWS_PROFILE, or `default`, of ~/.aws/credentials and ~/.aws/config. */
export function fromProfile(env: Environment, region: string): Source {
  return {
    name: "the shared files",
    async find() {
      const { name, isNamed } = profileName(env);
      const profiles = await readProfiles(env);
      const found = profiles.byName.has(name)
        ? await new Chosen({ env, region, profiles }).credentials(name, [])
        : undefined;
      if (found) return found;
      const absent = absence(env, profiles);
      // Who names a profile wants that and no other.
      if (isNamed) throw new Error(absent);
      return { absent };
    },
  };
}

function absence(env: Environment, { files, byName }: Profiles): string {
  const { name } = profileName(env);
  const { credentials, config } = profilePaths(env);
  if (files.length === 0) return `there is no ${credentials} and no ${config}`;
  const where = files.join(" and ");
  return byName.has(name)
    ? `profile ${name} of ${where} has no keys`
    : `there is no profile ${name} in ${where}`;
}

interface Surroundings {
  readonly env: Environment;
  readonly region: string;
  readonly profiles: Profiles;
}

/** What profiles say about one another. */
class Chosen {
  readonly #env: Environment;
  readonly #region: string;
  readonly #profiles: Profiles;

  constructor({ env, region, profiles }: Surroundings) {
    this.#env = env;
    this.#region = region;
    this.#profiles = profiles;
  }

  /** `before` are the profiles that led here. */
  async credentials(name: string, before: readonly string[]): Promise<Found | undefined> {
    const profile = this.#profiles.byName.get(name);
    if (!profile) throw new Error(`profile ${before.at(-1)} has source_profile ${name}, which is not there`);
    const source = `profile ${name} of ${this.#profiles.files.join(" and ")}`;
    const isItsOwn = before.at(-1) === name;
    if (profile.get("role_arn") && !isItsOwn) return { credentials: await this.#role(name, before) };
    const keys = keysOf(profile, source);
    if (keys) return { credentials: keys, recheck };
    const asked = ["sso_session", "sso_start_url", "login_session"].find((setting) => profile.has(setting));
    if (asked)
      throw new Error(
        `profile ${name} has ${asked}: a login by browser is not supported, as a service has nobody to log in`,
      );
    const command = profile.get("credential_process");
    if (command) return { credentials: await runProcess(command, { env: this.#env, source }) };
    return undefined;
  }

  async #role(name: string, before: readonly string[]): Promise<S3Credentials> {
    const profile = this.#profiles.byName.get(name)!;
    const roleARN = profile.get("role_arn")!;
    const sessionName = profile.get("role_session_name");
    const region = profile.get("region") || this.#region;
    const endpoint = stsEndpoint(this.#env, region);
    const tokenFile = profile.get("web_identity_token_file");
    if (tokenFile) return assumeWithToken({ tokenFile, roleARN, sessionName }, endpoint);
    if (profile.get("mfa_serial"))
      throw new Error(`profile ${name} has mfa_serial: a service has nobody to type the code`);
    const credentials = await this.#sourceOf(profile, [...before, name]);
    const role = {
      ...{ roleARN, sessionName, externalId: profile.get("external_id") },
      duration: profile.get("duration_seconds"),
    };
    return assumeRole(role, { endpoint, region, credentials });
  }

  /** Who takes a profile's role. */
  async #sourceOf(profile: Profile, before: readonly string[]): Promise<S3Credentials> {
    const name = before.at(-1)!;
    const other = profile.get("source_profile");
    if (other) {
      if (other !== name && before.includes(other))
        throw new Error(`the profiles ${[...before, other].join(", ")} lead in a circle`);
      const found = await this.credentials(other, before);
      if (!found) throw new Error(`profile ${other}, the source_profile of ${name}, has no keys`);
      return found.credentials;
    }
    const kind = profile.get("credential_source");
    const sources: Readonly<Record<string, Source | undefined>> = {
      environment: fromEnvironment(this.#env),
      ec2instancemetadata: fromInstance(this.#env),
      ecscontainer: fromContainer(this.#env),
    };
    const source = sources[kind?.toLowerCase() ?? ""];
    if (!source)
      throw new Error(
        `profile ${name} has role_arn without source_profile, web_identity_token_file, or credential_source of Environment, Ec2InstanceMetadata or EcsContainer`,
      );
    const found = await source.find();
    if ("absent" in found)
      throw new Error(`profile ${name} has credential_source ${kind}, but ${found.absent}`);
    return found.credentials;
  }
}

function keysOf(profile: Profile, source: string): S3Credentials | undefined {
  const accessKeyId = profile.get("aws_access_key_id");
  const secretAccessKey = profile.get("aws_secret_access_key");
  if (!accessKeyId && !secretAccessKey) return undefined;
  if (!accessKeyId || !secretAccessKey)
    throw new Error(`${source} has one of aws_access_key_id and aws_secret_access_key alone`);
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: profile.get("aws_session_token") || undefined,
    source,
  };
}
