import { existsSync, mkdirSync } from "node:fs";
import { type Snapshotter, selectSnapshotter, snapshotterByName } from "../../layer/index.ts";
import { parseDigest } from "../../oci/index.ts";
import { type Store, treeSize } from "../../store/index.ts";
import type { RootfsProvider, RootfsRequest } from "../lifecycle/record.ts";
import { mountPoints } from "../rootfs/mount-points.ts";

/** Root file systems of containers from the store's layers, each by the snapshotter it was made with. */
export function storedRootfs(store: Store, chosen?: Snapshotter): RootfsProvider {
  let selected = chosen;
  const preferred = () => {
    selected ??= selectSnapshotter({ root: store.root });
    return selected;
  };
  const by = (name: string) => (name === preferred().name ? preferred() : snapshotterByName(name));
  const workspaceOf = (data: string) => `${data}/layer`;
  return {
    get snapshotter() {
      return preferred().name;
    },
    async mount({ volatile = false, ...request }: RootfsRequest & { readonly volatile?: boolean }) {
      const workspace = workspaceOf(request.data);
      mkdirSync(workspace, { recursive: true, mode: 0o700 });
      const layers = store.layers.intact(request.layers.map(parseDigest));
      const { target } = request;
      const snapshotter = by(request.snapshotter);
      const below = snapshotter.mounts ? { below: mountPoints(store.runRoot) } : {};
      const { rootfs } = await snapshotter.mount({ workspace, layers, target, volatile, ...below });
      return rootfs;
    },
    unmount({ snapshotter, data, target }) {
      by(snapshotter).unmount({ workspace: workspaceOf(data), target });
    },
    async written({ snapshotter, data, layers }) {
      const workspace = workspaceOf(data);
      if (!existsSync(workspace)) return 0;
      // A running container may take files away meanwhile, which this walk allows.
      if (by(snapshotter).mounts) return treeSize(`${workspace}/upper`);
      let bytes = 0;
      const place = { workspace, layers: store.layers.intact(layers.map(parseDigest)) };
      for await (const { header } of by(snapshotter).diff(place)) bytes += header.size;
      return bytes;
    },
    discard({ snapshotter, data }) {
      by(snapshotter).discard(workspaceOf(data));
    },
  };
}
