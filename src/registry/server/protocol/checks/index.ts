export { allChecks, pullThroughChecks } from "./all.ts";
export { countTable, type Result, runChecks } from "./count.ts";
export { type Check, Peer, type Subject } from "./peer.ts";
export { testChecks, testPullThroughChecks } from "./run.ts";
