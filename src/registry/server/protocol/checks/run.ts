import { afterAll, beforeAll, describe, test } from "bun:test";
import { Registry } from "../../server.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { allChecks } from "./all.ts";
import { Peer } from "./peer.ts";

/** Asks our registry over a storage everything that the distribution-spec asks of any. */
export function testChecks(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name}: distribution-spec`, () => {
    let registry: Registry;
    let peer: Peer;
    beforeAll(async () => {
      // A registry may take images whose layers are elsewhere; ours does when it is told to, and then it is asked about them.
      registry = await Registry.start({ storage: await open(), sparse: true });
      peer = new Peer(registry.url);
    });
    afterAll(() => registry.stop({ grace: 100 }));
    for (const { name, run } of allChecks) test(name, () => run(peer), 30_000);
  });
}
