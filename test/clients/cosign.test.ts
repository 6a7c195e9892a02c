import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { program } from "../support/strake.ts";
import { findClient, kinds, user, useShop } from "./shop.ts";

const cosign = findClient("cosign")!;

/** With a key of its own and without a transparency log: nothing leaves this machine. */
describe.skipIf(!cosign)("cosign", () => {
  const shop = useShop();
  let key: string;
  const env = { COSIGN_PASSWORD: "for a test" };
  beforeAll(async () => {
    key = join(shop.folder, "key");
    await shop.run([cosign, "generate-key-pair", "--output-key-prefix", key], { env });
  });

  const run = (...args: string[]) => shop.run([cosign, ...args], { env });
  const sign = (image: string, ...flags: string[]) =>
    run(
      ...["sign", "--yes", "--key", `${key}.key`, "--tlog-upload=false", "--use-signing-config=false"],
      ...[...flags, image],
    );
  const verify = (image: string, ...flags: string[]) =>
    run("verify", "--key", `${key}.pub`, "--insecure-ignore-tlog", ...flags, image);

  test.each([...kinds])("signs and verifies, by referrers and by tag: %s", async (kind) => {
    const { host, guarded, get, tags } = shop.counters[kind];
    const { digest } = shop.image;
    const image = `${host}/source/app@${digest}`;
    if (guarded) {
      await expect(sign(image)).rejects.toThrow(/UNAUTHORIZED|401/);
      await shop.run([cosign, "login", host, "-u", user.name, "--password-stdin"], { stdin: user.password });
    }
    await expect(verify(image)).rejects.toThrow(/no (matching )?signatures/);
    await sign(image);
    const verified = JSON.parse((await verify(image)).split("\n").at(-1)!) as unknown[];
    expect(verified).toMatchObject([{ critical: { image: { "docker-manifest-digest": digest } } }]);
    // Found by referrers: there is no tag for it.
    expect(await tags("source/app")).toEqual(["1"]);
    const found = await (await get(`/v2/source/app/referrers/${digest}`)).json();
    const artifactType = "application/vnd.dev.sigstore.bundle.v0.3+json";
    expect(found).toMatchObject({ manifests: [{ artifactType }] });
    if (!guarded)
      expect(await shop.run([...program, "referrers", `${host}/source/app:1`])).toContain(artifactType);

    await sign(image, "--new-bundle-format=false");
    await verify(image, "--new-bundle-format=false");
    expect(await tags("source/app")).toEqual(["1", `${digest.replace(":", "-")}.sig`]);
  });
});
