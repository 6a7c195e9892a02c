import { afterAll, beforeAll, describe } from "bun:test";
import { Registry } from "../../server.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { testBase } from "./base.ts";
import { testBlobDeletes } from "./blob-deletes.ts";
import { testBroken } from "./broken.ts";
import { testCatalog } from "./catalog.ts";
import { testChunks } from "./chunks.ts";
import { testManifestDeletes } from "./manifest-deletes.ts";
import { testManifests } from "./manifests.ts";
import { testMetrics } from "./metrics.ts";
import { testMount } from "./mount.ts";
import { testNames } from "./names.ts";
import { testPull } from "./pull.ts";
import { testPush } from "./push.ts";
import { testReferrers } from "./referrers.ts";
import { testRefusedManifests } from "./refused-manifests.ts";
import { Served } from "./served.ts";
import { testTagParameters } from "./tag-parameters.ts";
import { testTags } from "./tags.ts";
import { testUploadSessions } from "./upload-sessions.ts";

const subjects = {
  base: testBase,
  push: testPush,
  chunks: testChunks,
  "upload sessions": testUploadSessions,
  mount: testMount,
  pull: testPull,
  "deletion of blobs": testBlobDeletes,
  "broken connections": testBroken,
  manifests: testManifests,
  "refused manifests": testRefusedManifests,
  "tag parameters": testTagParameters,
  "deletion of manifests": testManifestDeletes,
  tags: testTags,
  catalog: testCatalog,
  referrers: testReferrers,
  names: testNames,
  metrics: testMetrics,
};

/** What our own registry promises beside what any has to do, over real sockets, for any storage. */
export function testRegistry(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name}: registry`, () => {
    const served = new Served();
    beforeAll(async () => {
      served.registry = await Registry.start({ storage: await open() });
    });
    afterAll(() => served.registry.stop({ grace: 100 }));
    for (const [subject, tests] of Object.entries(subjects)) describe(subject, () => tests(served));
  });
}
