import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderError, toStrakeError } from "../../src/errors/index.ts";
import { Remote, type RemoteOptions } from "../../src/registry/client/index.ts";
import { Registry } from "../../src/registry/server/index.ts";
import { Authority } from "./certificates.ts";
import { makeLayeredImage, pushLayeredImage } from "./layered-image.ts";
import { makeStrake } from "./strake.ts";
import { userEnv } from "./user-env.ts";

/**
 * A company's network: registry.test, with TLS of an authority that `env` trusts, and plain.test, without any, are names that nobody but a proxy
 * knows, by `routes`. plain.test has an image as `team/app:1`.
 */
export async function openCompanyNetwork() {
  const home = mkdtempSync(join(tmpdir(), "strake-company-network-"));
  const certs = join(home, "certs.d");
  const authority = new Authority("Team Root");
  const secure = await Registry.start({ tls: authority.sign("DNS:registry.test") });
  const plain = await Registry.start();
  const image = await makeLayeredImage([300_000, 2_000_000]);
  await pushLayeredImage(image, plain.host, "team/app");
  mkdirSync(join(certs, "registry.test"), { recursive: true });
  writeFileSync(join(certs, "registry.test", "ca.crt"), authority.cert);
  const env = userEnv(home, { STRAKE_CERTS_DIR: certs });
  const strake = makeStrake();
  return {
    ...{ home, certs, authority, plain, image, env },
    routes: { "registry.test:443": secure.host, "plain.test:80": plain.host },

    /** What the program prints, with these variables too. */
    async run(args: readonly string[], settings: Record<string, string>): Promise<string> {
      const { code, stdout, stderr } = await strake.run(args, { env: { ...env, ...settings } });
      if (code !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
      return stdout.trim();
    },

    /** What a user reads who asks for the digest of tag 1 of a repository. */
    async told(
      repository: string,
      settings: Record<string, string>,
      options: RemoteOptions = {},
    ): Promise<string> {
      const [domain = "", path = ""] = repository.split(/\/(.*)/);
      const given = { env: { ...env, ...settings }, retry: { attempts: 3, baseMs: 1 } };
      using remote = new Remote({ ...given, ...options });
      try {
        return (await (await remote.origin({ domain, path })).resolve("1")).digest;
      } catch (error) {
        return renderError(toStrakeError(error));
      }
    },

    async [Symbol.asyncDispose](): Promise<void> {
      await strake.remove();
      for (const each of [secure, plain]) await each[Symbol.asyncDispose]();
      authority[Symbol.dispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
