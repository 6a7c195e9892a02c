import { StrakeError } from "../../errors/index.ts";
import { randomBetween } from "../../sys/index.ts";

const adjectives = (
  "able agile amber ample azure bold brave breezy bright brisk calm candid cheerful clever coastal cosy crisp curious daring " +
  "deft eager early earnest easy fair fleet fresh gentle glad golden grand handy happy hardy hearty honest humble jolly " +
  "keen kind lively loyal lucid lucky mellow merry mild modest neat nimble noble patient placid plucky polite proud " +
  "quick quiet ready robust rosy salty sharp silver sleek smooth snug sober spry stable steady stout sturdy sunny swift " +
  "tidy trim trusty upbeat vivid warm wise witty zesty"
).split(" ");

/** Parts of ships, and the boats themselves. */
const nouns = (
  "anchor ballast barge bark beacon bilge boom bosun bow bowsprit brig bulwark bunk buoy cabin canoe capstan cleat clipper " +
  "compass coracle cutter davit deck dinghy dory ferry frigate galley gunwale halyard harbour hatch hawser helm hold " +
  "hull jetty jib kayak keel ketch lantern lateen launch locker lugger mast mooring oar paddle pennant pier pilot " +
  "pinnace plank porthole prow punt quay raft rib rigging rudder sail schooner scow scull sextant sheave shroud skiff " +
  "sloop spar stem stern strake tackle tender thwart tiller topmast transom trawler tug wake wharf yacht yawl"
).split(" ");

/** `adjective_noun`, with a digit after the first tries so that a full house still finds one. */
export function randomName(attempt = 0): string {
  const name = `${adjectives[randomBetween(0, adjectives.length)]}_${nouns[randomBetween(0, nouns.length)]}`;
  return attempt < 3 ? name : `${name}${randomBetween(0, 10 ** Math.min(attempt - 2, 6))}`;
}

/** Throws CONTAINER_OPTIONS_INVALID unless the name is one Docker would take. A leading `/` is dropped, as there. */
export function checkName(name: string, what = "container"): string {
  const plain = name.replace(/^\//, "");
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(plain) && plain.length <= 255) return plain;
  throw new StrakeError("CONTAINER_OPTIONS_INVALID", `"${name}" is not a valid ${what} name`, {
    hint: "Use letters, digits, `_`, `.` and `-`; at least two, the first a letter or digit.",
    exitCode: 125,
  });
}
