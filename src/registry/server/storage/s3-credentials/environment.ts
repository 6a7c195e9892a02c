import type { Environment, Source } from "./source.ts";

/** AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. */
export function fromEnvironment(env: Environment): Source {
  return {
    name: "the environment",
    async find() {
      const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
      if (!accessKeyId && !secretAccessKey) return { absent: "AWS_ACCESS_KEY_ID is not set" };
      if (!accessKeyId || !secretAccessKey) {
        const [has, lacks] = accessKeyId
          ? ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"]
          : ["SECRET_ACCESS_KEY", "ACCESS_KEY_ID"];
        throw new Error(`AWS_${has} is set and AWS_${lacks} is not`);
      }
      const sessionToken = env.AWS_SESSION_TOKEN || undefined;
      const source = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
      return { credentials: { accessKeyId, secretAccessKey, sessionToken, source } };
    },
  };
}
