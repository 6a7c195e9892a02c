import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OciLayout } from "../../archive/index.ts";
import {
  type Descriptor,
  decodeManifestOrIndex,
  encodeIndex,
  encodeManifest,
  mediaTypes,
  sha256,
} from "../../oci/index.ts";
import { copyBetween } from "./copy.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "strake-copy-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

test("an index that names one child fifty times on each of seven levels is copied once", async () => {
  const layout = OciLayout.create(join(home, "bomb"));
  const config = new TextEncoder().encode("{}");
  const blob = { digest: sha256(config), size: config.length };
  await layout.uploadBlob(blob, { open: (start, end) => [config.subarray(start, end)] });
  const put = async (raw: Uint8Array, mediaType: string): Promise<Descriptor> => {
    const document = decodeManifestOrIndex(raw, mediaType);
    await layout.putManifest(document.digest, document);
    return { mediaType, digest: document.digest, size: raw.length };
  };
  let child = await put(
    encodeManifest({
      ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest, layers: [] },
      config: { mediaType: mediaTypes.ociConfig, ...blob },
    }),
    mediaTypes.ociManifest,
  );
  for (let level = 0; level < 7; level++)
    child = await put(
      encodeIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: Array(50).fill(child) }),
      mediaTypes.ociIndex,
    );
  const root = await layout.getManifest(child.digest);
  await layout.putManifest("bomb", root);
  const { digest } = await copyBetween(`oci:${join(home, "bomb")}:bomb`, `oci:${join(home, "copy")}:bomb`);
  expect(digest).toBe(root.digest);
  expect((await OciLayout.open(join(home, "copy")).getManifest("bomb")).digest).toBe(root.digest);
});
