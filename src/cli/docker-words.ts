import type { StrakeError } from "../errors/index.ts";
import { registryFlagHint } from "./registry-words.ts";

const notYet = "docker has it, strake does not yet";

/** Commands of docker's that strake does not have, and what does their work. */
const commands: Readonly<Record<string, string>> = {
  builder: "strake build, strake gc",
  buildx: "strake build needs no buildx",
  commit: `${notYet}; a Dockerfile with FROM does the same and can be repeated`,
  compose: notYet,
  context: "strake has no daemon to choose; STRAKE_ROOT says where its data are",
  diff: notYet,
  events: notYet,
  export: "strake cp NAME:/ - gives the files as a tar, strake save an image",
  machine: "strake runs on Linux itself",
  network: `${notYet}; all containers share one bridge, --network host and none are the others`,
  pause: notYet,
  prune: "strake container prune, strake image prune, strake volume prune; strake gc for the rest",
  scan: notYet,
  scout: notYet,
  stats: `${notYet}; strake exec NAME top shows the processes`,
  swarm: "strake is for one machine",
  node: "strake is for one machine",
  service: "strake is for one machine",
  stack: "strake is for one machine",
  top: `${notYet}; strake exec NAME ps shows the processes`,
  unpause: notYet,
  update: notYet,
};

/** Flags of docker's that some commands of strake do not have. An empty text: nothing but that they are not there yet. */
const flags: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    (
      "--memory -m --memory-swap --memory-reservation --cpus --cpu-shares -c --cpuset-cpus --pids-limit --ulimit --oom-score-adj " +
      "--gpus --device --cgroupns --cgroup-parent --pid --ipc --uts --userns --runtime --init --sysctl --ip --mac-address " +
      "--network-alias --volumes-from --volume-driver --log-driver --log-opt --restart --health-cmd --health-interval " +
      "--no-healthcheck --group-add --platform --annotation --storage-opt --isolation --domainname --secret --ssh " +
      "--cache-from --cache-to --output -o --build-context --push --load --squash --check --call --metadata-file --provenance " +
      "--sbom --attest --allow --add-host --label --shm-size --blkio-weight --blkio-weight-device --cpu-period --cpu-quota " +
      "--cpu-rt-period --cpu-rt-runtime --cpuset-mems --detach-keys --details --device-cgroup-rule --device-read-bps " +
      "--device-read-iops --device-write-bps --device-write-iops --driver --health-retries --health-start-interval " +
      "--health-start-period --health-timeout --kernel-memory --label-file --link-local-ip --memory-swappiness " +
      "--oom-kill-disable --opt --security-opt --filter --no-prune --tree"
    )
      .split(" ")
      .map((name) => [name, ""]),
  ),
  "--net": "write --network",
  "--compress": "leave it out: there is no daemon that a context is sent to",
  "--disable-content-trust": "leave it out: strake verifies digests, and no Notary signatures",
  "--force-rm": "leave it out: a build leaves no container behind",
  "--rm": "leave it out: a build leaves no container behind",
  "--link": "publish a port, or use --network host",
};

/** Where output is shown unless it is asked not to be. */
const attached = new Set(["run", "create"]);

/** What to say to somebody who typed a word of docker's that strake does not know; undefined for all other mistakes. */
export function dockerHint(error: StrakeError, words: readonly string[]): string | undefined {
  const flag = /^strake \S+(?: \S+)? has no flag (-\S+)/.exec(error.message)?.[1];
  if (flag !== undefined) {
    const name = flag.split("=")[0]!;
    const other = registryFlagHint(name, words);
    if (other !== undefined) return other;
    if (words[0] === "system" && words[1] === "prune") return commands.prune;
    if (attached.has(words[0] ?? "") && (name === "-a" || name === "--attach"))
      return "output is shown unless -d is given";
    return Object.hasOwn(flags, name) ? flags[name] || notYet : undefined;
  }
  const [first = "", second] = words;
  if (error.message.startsWith("strake load takes no arguments"))
    return `the archive comes from stdin or from -i: strake load -i ${second}`;
  if (!error.message.endsWith("is not a strake command")) return undefined;
  if (first === "-H" || first.startsWith("--host"))
    return "strake has no daemon to speak to; STRAKE_ROOT says where its data are";
  if (first.startsWith("-")) return "flags stand behind the command: strake COMMAND --help lists them";
  return Object.hasOwn(commands, first) ? commands[first] : undefined;
}
