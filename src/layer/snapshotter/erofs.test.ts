import { snapshotterConformance } from "./conformance.ts";
import { erofsSnapshotter } from "./erofs.ts";

snapshotterConformance(() => erofsSnapshotter);
