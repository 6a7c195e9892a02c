import { snapshotterConformance } from "./conformance.ts";
import { copySnapshotter } from "./copy.ts";

snapshotterConformance(() => copySnapshotter);
