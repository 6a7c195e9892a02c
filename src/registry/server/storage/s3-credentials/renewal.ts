import type { S3Credentials } from "../s3-sign.ts";
import type { S3CredentialsProvider } from "./provider.ts";
import { areSame } from "./refusal.ts";
import type { Found } from "./source.ts";

const minute = 60_000;
/** AWS has new keys of a role at least 5 minutes before the old ones end. */
const ahead = 10 * minute;
/** Between two renewals because of refusals; the longer one when the last brought nothing new. */
const [refusalPause, vainPause] = [1000, 10_000];

interface Held {
  readonly credentials: S3Credentials;
  /** When they are to be renewed. */
  due: number;
  /** Before this nobody is asked because of a refusal. */
  readonly quiet: number;
}

/** When credentials are renewed: well before they end, closer and closer to their end while the source has no others. */
function dueOf({ credentials, recheck = Number.POSITIVE_INFINITY }: Found, now: number): number {
  const left = (credentials.expiration ?? Number.POSITIVE_INFINITY) - now;
  // A source that has only ended ones (EC2 in an outage) means them to be tried: the S3 server decides.
  if (left <= 0) return now + minute;
  return now + Math.min(recheck, Math.max(1000, left - Math.min(ahead, left / 2)));
}

/**
 * Holds what a source gives and renews it ahead of its end, one renewal at a time however many wait. While the old ones are valid
 * nobody waits for new ones, and a renewal that fails is tried again; after that its error is everybody's.
 */
export function renewing(
  find: () => Promise<Found>,
  { now = Date.now, onFailure = () => {} }: { now?: () => number; onFailure?: (error: unknown) => void } = {},
): S3CredentialsProvider {
  let held: Held | undefined;
  let renewal: Promise<S3Credentials> | undefined;

  const ask = async (): Promise<S3Credentials> => {
    const old = held;
    try {
      const found = await find();
      const isNew = old === undefined || !areSame(old.credentials, found.credentials);
      const quiet = now() + (isNew ? refusalPause : vainPause);
      held = { credentials: found.credentials, due: dueOf(found, now()), quiet };
      return found.credentials;
    } catch (error) {
      if (old) {
        const left = (old.credentials.expiration ?? Number.POSITIVE_INFINITY) - now();
        old.due = now() + Math.max(1000, Math.min(minute, left / 2));
      }
      throw error;
    }
  };
  const renew = (): Promise<S3Credentials> => {
    renewal ??= ask().finally(() => {
      renewal = undefined;
    });
    return renewal;
  };

  return async (refused) => {
    if (!held) return renew();
    const { credentials, due, quiet } = held;
    if (refused !== undefined && refused === credentials && now() >= quiet) return renew();
    if (now() < due) return credentials;
    const renewed = renew();
    const isValid = credentials.expiration === undefined || now() < credentials.expiration;
    if (!isValid) return renewed;
    renewed.catch(onFailure);
    return credentials;
  };
}
