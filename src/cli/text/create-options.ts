import { type HostEntry, parseMount, parsePorts, parseTmpfs, parseVolume } from "../../container/index.ts";
import type { CreateRequest } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues } from "../command.ts";
import type { createFlags } from "../spec/run.ts";
import { variablesOf } from "./env-file.ts";
import { pairs } from "./pairs.ts";

/** The flags of `run` and `create` as the engine takes them. Errors: USAGE, VOLUME_INVALID, PORT_INVALID. */
export function createOptions(
  cli: Cli,
  args: readonly string[],
  flags: FlagValues<typeof createFlags>,
): CreateRequest {
  const [image = "", ...command] = args;
  return {
    image,
    ...(command.length > 0 ? { command } : {}),
    ...optional({
      name: flags.name,
      workingDir: flags.workdir,
      user: flags.user,
      hostname: flags.hostname,
      stopSignal: flags["stop-signal"],
      stopTimeout: flags["stop-timeout"],
      shmSize: flags["shm-size"] === undefined ? undefined : bytes(flags["shm-size"]),
      // Docker's way to have none: --entrypoint "".
      entrypoint:
        flags.entrypoint === undefined ? undefined : flags.entrypoint === "" ? [] : [flags.entrypoint],
      network: flags.network as "bridge" | "host" | "none" | undefined,
    }),
    env: variablesOf(cli, flags),
    labels: pairs(flags.label, "--label"),
    terminal: flags.tty,
    openStdin: flags.interactive,
    autoRemove: flags.rm,
    readonlyRootfs: flags["read-only"],
    privileged: flags.privileged,
    capAdd: flags["cap-add"],
    capDrop: flags["cap-drop"],
    ...securityOptions(flags["security-opt"]),
    mounts: [
      ...flags.volume.map((text) => parseVolume(text, cli.cwd)),
      ...flags.mount.map((text) => parseMount(text, cli.cwd)),
      ...flags.tmpfs.map(parseTmpfs),
    ],
    ports: flags.publish.flatMap(parsePorts),
    publishAll: flags["publish-all"],
    exposedPorts: flags.expose,
    extraHosts: flags["add-host"].map(hostEntry),
    dns: flags.dns,
    dnsSearch: flags["dns-search"],
    dnsOptions: flags["dns-option"],
  };
}

function optional<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function securityOptions(options: readonly string[]): { noNewPrivileges?: boolean; seccomp?: boolean } {
  const result: { noNewPrivileges?: boolean; seccomp?: boolean } = {};
  for (const option of options) {
    if (/^no-new-privileges(?:[:=]true)?$/.test(option)) result.noNewPrivileges = true;
    else if (/^no-new-privileges[:=]false$/.test(option)) result.noNewPrivileges = false;
    else if (/^seccomp[:=]unconfined$/.test(option)) result.seccomp = false;
    else
      throw new StrakeError("USAGE", `--security-opt does not take ${JSON.stringify(option)}`, {
        hint: "no-new-privileges or seccomp=unconfined",
      });
  }
  return result;
}

function hostEntry(text: string): HostEntry {
  const at = text.search(/[:=]/);
  if (at < 1) throw new StrakeError("USAGE", `--add-host ${JSON.stringify(text)} is not NAME:ADDRESS`);
  return { names: [text.slice(0, at)], address: text.slice(at + 1) };
}

const units: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `64m`, `1g`, `1024`: binary units, as Docker reads sizes of memory. Errors: USAGE. */
export function bytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([bkmg]?)b?$/i.exec(text.trim());
  if (match) return Math.round(Number(match[1]) * units[match[2]!.toLowerCase()]!);
  throw new StrakeError("USAGE", `${JSON.stringify(text)} is not a size`, { hint: "for example 64m or 1g" });
}
