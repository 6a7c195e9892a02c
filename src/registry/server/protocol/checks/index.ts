export { allChecks } from "./all.ts";
export { type Check, Peer } from "./peer.ts";
export { testChecks } from "./run.ts";
