import { mkdirSync } from "node:fs";
import { StrakeError } from "../../errors/index.ts";
import { randomHex, readyControlGroups } from "../../sys/index.ts";
import { defaultLogSize } from "../monitor/conmon.ts";
import { containerPaths } from "../monitor/paths.ts";
import type { MountRequest } from "../mount/parse.ts";
import { checkAddresses, type HostEntry } from "../network/hosts.ts";
import { exposedMappings, type PortMapping } from "../network/ports.ts";
import { resolveCapabilities } from "../spec/capabilities.ts";
import { checkVariables, containerEnvironment } from "../spec/environment.ts";
import { checkName, randomName } from "./name.ts";
import { identityOf } from "./process-identity.ts";
import type { ContainerImage, ContainerMount, ContainerRecord, NetworkMode } from "./record.ts";
import type { ContainerServices } from "./services.ts";
import { parseSignal } from "./signal.ts";

export interface CreateOptions {
  readonly image: ContainerImage;
  readonly name?: string;
  /** In place of the image's Cmd. */
  readonly command?: readonly string[];
  /** In place of the image's Entrypoint; its Cmd then does not count. An empty list removes it. */
  readonly entrypoint?: readonly string[];
  /** `NAME=value`; `NAME` alone takes it from this process. */
  readonly env?: readonly string[];
  readonly workingDir?: string;
  /** `user[:group]`, names or numbers. */
  readonly user?: string;
  readonly hostname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly terminal?: boolean;
  readonly openStdin?: boolean;
  readonly stopSignal?: string;
  /** Seconds that stop waits before it kills; 10 when absent. */
  readonly stopTimeout?: number;
  /** Removed when it is over. */
  readonly autoRemove?: boolean;
  /**
   * It is started by this process at once or never: with `autoRemove` it does not outlive one that is killed before. `attended`: as it will be for the
   * start. When making it fails, call `Containers.abandon`.
   */
  readonly startedAtOnce?: { readonly attended: boolean };
  readonly readonlyRootfs?: boolean;
  readonly privileged?: boolean;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly noNewPrivileges?: boolean;
  readonly seccomp?: boolean;
  /** Of /dev/shm, in bytes. */
  readonly shmSize?: number;
  /** Bytes of the log, from which on a new one is begun. */
  readonly logSizeMax?: number;
  readonly mounts?: readonly MountRequest[];
  readonly network?: NetworkMode;
  readonly ports?: readonly PortMapping[];
  /** Publish every exposed port on a free one of the host. */
  readonly publishAll?: boolean;
  readonly exposedPorts?: readonly string[];
  readonly extraHosts?: readonly HostEntry[];
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
}

/** Makes a container without starting it. Errors: CONTAINER_NAME_TAKEN, CONTAINER_OPTIONS_INVALID. */
export function createContainer(services: ContainerServices, options: CreateOptions): ContainerRecord {
  // Most are started at once.
  readyControlGroups();
  const id = randomHex(32);
  const wanted = options.name === undefined ? undefined : checkName(options.name);
  for (let attempt = 0; ; attempt++) {
    const plan = planContainer(options, { id, name: wanted ?? randomName(attempt), now: Date.now() });
    if (options.startedAtOnce && attempt === 0)
      services.launches.begin(services, plan, options.startedAtOnce.attended);
    const record = { ...plan, snapshotter: services.rootfs.snapshotter };
    const paths = containerPaths(services.root, services.runRoot, id);
    try {
      services.records.insert(record);
    } catch (error) {
      const taken = error instanceof StrakeError && error.code === "CONTAINER_NAME_TAKEN";
      if (taken && wanted === undefined && attempt < 20) continue;
      throw error;
    }
    // After the record: a folder without one would be garbage to a collection that runs now.
    mkdirSync(paths.data, { recursive: true, mode: 0o700 });
    return record;
  }
}

export interface Identity {
  readonly id: string;
  readonly name: string;
  readonly now: number;
}

/** The record of a new container, but for its snapshotter: the image's configuration with the user's over it. Pure. */
export function planContainer(
  options: CreateOptions,
  { id, name, now }: Identity,
): Omit<ContainerRecord, "snapshotter"> {
  const config = options.image.config;
  const entrypoint = options.entrypoint ?? config.Entrypoint ?? [];
  // An entrypoint of the user's makes the image's Cmd meaningless: it was written for the other program.
  const command = options.command?.length
    ? options.command
    : options.entrypoint === undefined
      ? (config.Cmd ?? [])
      : [];
  const args = [...entrypoint, ...command];
  if (args.length === 0)
    throw new StrakeError("CONTAINER_OPTIONS_INVALID", "there is no command to run", {
      hint: "The image has neither ENTRYPOINT nor CMD; give a command after the image's name.",
      exitCode: 125,
    });
  resolveCapabilities({ add: options.capAdd, drop: options.capDrop });
  checkAddresses(options);
  checkVariables(options.env ?? []);
  const network = options.network ?? "bridge";
  const exposed = [...new Set([...Object.keys(config.ExposedPorts ?? {}), ...(options.exposedPorts ?? [])])];
  const ports = [...(options.ports ?? []), ...(options.publishAll ? exposedMappings(exposed) : [])];
  // The host's own name belongs to the host's network, whose names the container then sees; filled in at the start.
  const hostname = options.hostname ?? (network === "host" ? "" : id.slice(0, 12));
  const stopSignal = options.stopSignal ?? config.StopSignal ?? "SIGTERM";
  parseSignal(stopSignal);
  return {
    id,
    name,
    createdAt: now,
    image: { id: options.image.id, reference: options.image.reference, layers: options.image.layers },
    state: { status: "created" },
    args,
    entrypoint,
    command,
    env: containerEnvironment({
      ...(hostname === "" ? {} : { hostname }),
      terminal: options.terminal === true,
      image: config.Env ?? [],
      user: options.env ?? [],
      inherit: process.env,
    }),
    workingDir: options.workingDir ?? (config.WorkingDir || "/"),
    user: options.user ?? config.User ?? "",
    hostname,
    labels: { ...config.Labels, ...options.labels },
    terminal: options.terminal === true,
    openStdin: options.openStdin === true,
    stopSignal,
    stopTimeout: options.stopTimeout ?? config.StopTimeout ?? 10,
    autoRemove: options.autoRemove === true,
    ...(options.startedAtOnce ? { maker: identityOf(process.pid) } : {}),
    readonlyRootfs: options.readonlyRootfs === true,
    privileged: options.privileged === true,
    capAdd: options.capAdd ?? [],
    capDrop: options.capDrop ?? [],
    noNewPrivileges: options.noNewPrivileges === true,
    seccomp: options.seccomp !== false,
    ...(options.shmSize === undefined ? {} : { shmSize: options.shmSize }),
    logSizeMax: options.logSizeMax ?? defaultLogSize,
    mounts: settleMounts(options.mounts ?? [], Object.keys(config.Volumes ?? {})),
    network,
    ports: network === "bridge" ? ports : [],
    exposedPorts: exposed,
    extraHosts: options.extraHosts ?? [],
    dns: options.dns ?? [],
    dnsSearch: options.dnsSearch ?? [],
    dnsOptions: options.dnsOptions ?? [],
  };
}

/** The user's mounts, and an anonymous volume for each VOLUME of the image that none of them covers. */
function settleMounts(requests: readonly MountRequest[], imageVolumes: readonly string[]): ContainerMount[] {
  const anonymousName = () => randomHex(32);
  const mounts = requests.map((request): ContainerMount => {
    if (request.type === "tmpfs") return request;
    if (request.type === "volume")
      return {
        type: "volume",
        name: request.name ?? anonymousName(),
        anonymous: request.name === undefined,
        destination: request.destination,
        readonly: request.readonly,
        noCopy: request.noCopy,
      };
    return {
      type: "bind",
      source: request.source,
      destination: request.destination,
      readonly: request.readonly,
      propagation: request.propagation ?? "rprivate",
      createSource: request.createSource,
    };
  });
  const covered = new Set(mounts.map((mount) => mount.destination));
  for (const volume of imageVolumes) {
    const destination = cleanAbsolute(volume);
    if (destination === "/" || covered.has(destination)) continue;
    covered.add(destination);
    mounts.push({
      type: "volume",
      name: anonymousName(),
      anonymous: true,
      destination,
      readonly: false,
      noCopy: false,
    });
  }
  return mounts;
}

function cleanAbsolute(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
