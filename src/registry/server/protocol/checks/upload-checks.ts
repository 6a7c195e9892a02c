import { begin, expectBlob, octets, statusOf, streamOf } from "./blob-ways.ts";
import { same } from "./claims.ts";
import {
  type Algorithm,
  type Check,
  checksOf,
  digestOf,
  locationOf,
  type Peer,
  randomContent,
} from "./peer.ts";

const repository = "checks/blobs";

/** What an upload is between its beginning and its end. */
export function uploadChecks(algorithm: Algorithm): Check[] {
  const check = checksOf("upload sessions", algorithm);
  const begun = async (peer: Peer) => {
    const content = randomContent();
    const digest = digestOf(content, algorithm);
    return { content, digest, location: await begin(peer, { repository, content, digest }) };
  };
  return [
    check(
      "cancel",
      async (peer) => {
        const { location, content, digest } = await begun(peer);
        await peer.expect([204], location, { method: "DELETE" });
        await peer.expectError([404], location);
        const put = { method: "PUT", body: content, headers: octets, query: { digest } };
        await peer.expectError([404], location, put);
        await peer.expect([404], `/v2/${repository}/blobs/${digest}`, { method: "HEAD" });
      },
      { dev: true },
    ),
    check("the status of one that has begun", async (peer) => {
      await statusOf(peer, (await begun(peer)).location);
    }),
    check("the status says how much has arrived", async (peer) => {
      const { location, content } = await begun(peer);
      const taken = await peer.expect([202], location, { method: "PATCH", body: content, headers: octets });
      same("the Range of the upload", (await statusOf(peer, locationOf(taken))).range, "0-511");
    }),
    check("two streams, one after the other", async (peer) => {
      const { location, content, digest } = await begun(peer);
      let at = location;
      for (const part of [content.slice(0, 100), content.slice(100)]) {
        const init = { method: "PATCH", body: streamOf(part), headers: octets };
        at = locationOf(await peer.expect([202], at, init));
      }
      await peer.expect([201], at, { method: "PUT", headers: octets, query: { digest } });
      await expectBlob(peer, repository, content, algorithm);
    }),
    check("an end without a digest is refused", async (peer) => {
      const { location, content } = await begun(peer);
      await peer.expectError([400], location, { method: "PUT", body: content, headers: octets });
    }),
    check("one that never was is unknown", async (peer) => {
      const { location, digest } = await begun(peer);
      const url = new URL(location);
      url.pathname = url.pathname.replace(/[^/]*$/, crypto.randomUUID());
      url.search = "";
      for (const method of ["GET", "PATCH", "PUT"]) {
        const query = method === "PUT" ? { digest } : undefined;
        await peer.expectError([404], url.href, { method, ...(query ? { query } : {}) });
      }
    }),
  ];
}
