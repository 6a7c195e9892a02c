import { expectBlob, expectDeleted, pushBlob } from "./blob-ways.ts";
import { holds, same } from "./claims.ts";
import {
  type Algorithm,
  bytesOf,
  type Check,
  checksOf,
  digestOf,
  expectDigest,
  locationOf,
  type Peer,
  randomContent,
} from "./peer.ts";

const into = "checks/blobs";
const other = "checks/other";
const pathOf = (digest: string, name: string) => `/v2/${name}/blobs/${digest}`;

interface Mount {
  readonly repository?: string;
  readonly from: string | undefined;
}

/** Blobs that are in another repository already ("Mounting a blob from another repository"). */
export function mountChecks(algorithm: Algorithm): Check[] {
  const mount = async (peer: Peer, digest: string, { repository = into, from }: Mount) =>
    peer.expect([201, 202], `/v2/${repository}/blobs/uploads/`, {
      method: "POST",
      query: { mount: digest, ...(from === undefined ? {} : { from }) },
    });
  const check = checksOf("mount", algorithm);
  const mounts = (name: string, from: string | undefined, repositoryOf = () => into) =>
    check(name, async (peer) => {
      const repository = repositoryOf();
      const content = randomContent();
      const digest = digestOf(content, algorithm);
      await pushBlob(peer, { repository: other, content, digest });
      const mounted = await mount(peer, digest, { repository, from });
      same("the status of a mount", mounted.status, 201);
      same("the path of its Location", new URL(locationOf(mounted)).pathname, pathOf(digest, repository));
      expectDigest(mounted, digest);
      same("the blob at its Location", await bytesOf(await peer.expect([200], locationOf(mounted))), content);
      await expectBlob(peer, repository, content, algorithm);
      await expectDeleted(peer, pathOf(digest, repository));
      // The repository it came from still has it.
      await expectBlob(peer, other, content, algorithm);
      await expectDeleted(peer, pathOf(digest, other));
    });
  const becomesUpload = (name: string, from: string | undefined) =>
    check(name, async (peer) => {
      const content = randomContent();
      const digest = digestOf(content, algorithm);
      const begun = await mount(peer, digest, { from });
      same("the status of a mount of what is not there", begun.status, 202);
      holds(
        "its Location is no upload of the repository",
        new URL(locationOf(begun)).pathname.startsWith(`/v2/${into}/blobs/uploads/`),
      );
      const put = { method: "PUT", body: content, query: { digest } };
      const created = await peer.expect([201], locationOf(begun), put);
      expectDigest(created, digest);
      await peer.expect([200], locationOf(created));
      await expectBlob(peer, into, content, algorithm);
      await expectDeleted(peer, pathOf(digest, into));
    });
  return [
    mounts("from another repository", other),
    mounts("into a new repository", other, () => `checks/new-${crypto.randomUUID()}`),
    mounts("without from", undefined),
    becomesUpload("what is not there becomes an upload", other),
    becomesUpload("what is nowhere becomes an upload, without from", undefined),
  ];
}
