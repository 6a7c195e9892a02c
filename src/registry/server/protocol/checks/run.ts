import { afterAll, beforeAll, describe, test } from "bun:test";
import { Registry } from "../../server.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { allChecks, pullThroughChecks } from "./all.ts";
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
    for (const { subject, name, run } of allChecks) test(`${subject}: ${name}`, () => run(peer), 30_000);
  });
}

/** The same of a pull-through cache over a storage: what is pushed to its upstream is pulled from it. */
export function testPullThroughChecks(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name}: distribution-spec through a cache`, () => {
    let upstream: Registry;
    let cache: Registry;
    let peer: Peer;
    beforeAll(async () => {
      upstream = await Registry.start();
      // What is asked for anew is asked anew: checks push between two looks.
      const proxy = [{ prefix: "hub", upstream: upstream.url.origin, ttl: 0, missTtl: 0 }];
      cache = await Registry.start({ storage: await open(), proxy });
      peer = new Peer(upstream.url, { url: cache.url, prefix: "hub" });
    });
    afterAll(async () => {
      await cache.stop({ grace: 100 });
      await upstream.stop({ grace: 100 });
    });
    for (const { subject, name, run } of pullThroughChecks)
      test(`${subject}: ${name}`, () => run(peer), 30_000);
  });
}
