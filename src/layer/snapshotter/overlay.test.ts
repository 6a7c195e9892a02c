import { snapshotterConformance } from "./conformance.ts";
import { overlaySnapshotter } from "./overlay.ts";

snapshotterConformance(() => overlaySnapshotter);
