import { existsSync, mkdirSync, statSync } from "node:fs";
import { hostname as hostHostname } from "node:os";
import { StrakeError, toStrakeError } from "../../errors/index.ts";
import { bootId, holdControlGroupsReady, processStartTime, readyControlGroups } from "../../sys/index.ts";
import { type Attachment, type AttachOptions, attach } from "../monitor/attach.ts";
import { type ContainerPaths, containerPaths } from "../monitor/paths.ts";
import { lockVolume } from "../mount/volumes.ts";
import type { Endpoint } from "../network/bridge.ts";
import { writeNetworkFiles } from "../network/files.ts";
import { placeMarks } from "../rootfs/marks.ts";
import { readInRoot } from "../rootfs/read.ts";
import { checkSystemFolders, resolveMounts, workingDirectory } from "../rootfs/resolve.ts";
import { controlGroupOf } from "../runtime/control-group.ts";
import { hostFacts } from "../runtime/host.ts";
import { hostDevices } from "../runtime/host-devices.ts";
import { releaseContainer } from "../runtime/release.ts";
import { withCompiledSeccomp } from "../runtime/seccomp-cache.ts";
import { withHome } from "../spec/environment.ts";
import { bindMount, tmpfsMount } from "../spec/mounts.ts";
import { runtimeSpec } from "../spec/spec.ts";
import type { Mount } from "../spec/types.ts";
import { giveUp, type Launch, launch } from "./launch.ts";
import { lockContainer } from "./lock.ts";
import type { ContainerRecord } from "./record.ts";
import { refresh } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";
import { failedToStart, started, wrongState } from "./state.ts";
import { removeRecord, rootfsRequest, teardown } from "./teardown.ts";

export interface StartOptions {
  /** Connects before the process starts, so that nothing of its output is missed. */
  readonly attach?: AttachOptions;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  /** The caller stays until the end and cleans up itself; the monitor does so only when the caller is gone. */
  readonly attended?: boolean;
}

export interface StartedContainer {
  readonly record: ContainerRecord;
  readonly attachment?: Attachment;
}

/**
 * Starts a created or exited container. When it fails nothing of it is left running or mounted, and the record says why
 * (or is gone, for one that removes itself). Errors: CONTAINER_STATE, CONTAINER_COMMAND_NOT_FOUND,
 * CONTAINER_COMMAND_NOT_EXECUTABLE, CONTAINER_START_FAILED, PORT_BUSY, NETWORK_FAILED.
 */
export async function startContainer(
  services: ContainerServices,
  id: string,
  options: StartOptions = {},
): Promise<StartedContainer> {
  const paths = containerPaths(services.root, services.runRoot, id);
  const early = services.launches.take(id);
  using _lock = early?.lock ?? (await lockContainer(services, id));
  const record = refresh(services, id);
  if (record.state.status !== "created" && record.state.status !== "exited")
    throw wrongState(record.state, "started", record.name);
  if (early === undefined && existsSync(paths.run)) await teardown(services, record.id, record);
  try {
    const begun = early ?? launch(services, record, { attended: options.attended === true });
    return await bringUp(begun, services, record, { paths, options });
  } catch (thrown) {
    const error = toStrakeError(thrown);
    await teardown(services, record.id, record);
    if (record.autoRemove) removeRecord(services, record, { volumes: true });
    else
      services.records.update(id, (now) => ({
        ...now,
        state: failedToStart(now.state, error),
      }));
    throw error.exitCode === 1
      ? new StrakeError(error.code, error.message, { ...error, cause: error.cause, exitCode: 125 })
      : error;
  }
}

interface BringUp {
  readonly paths: ContainerPaths;
  readonly options: StartOptions;
}

async function bringUp(
  begun: Launch,
  services: ContainerServices,
  record: ContainerRecord,
  request: BringUp,
): Promise<StartedContainer> {
  using _config = begun.config;
  try {
    return await bringUpUnder(begun, services, record, request);
  } catch (error) {
    await giveUp(begun);
    throw error;
  }
}

async function bringUpUnder(
  { creating, config }: Launch,
  services: ContainerServices,
  record: ContainerRecord,
  { paths, options }: BringUp,
): Promise<StartedContainer> {
  readyControlGroups();
  const runtime = services.runtime();
  const rootfs = await services.rootfs.mount({
    ...rootfsRequest(record, paths),
    volatile: record.autoRemove,
  });
  const hostname = record.hostname || hostHostname();
  const writeFiles = (endpoint?: Endpoint) =>
    writeNetworkFiles({
      folder: paths.run,
      hostname,
      hostNetwork: record.network === "host",
      ...(endpoint ? { address: endpoint.address, gateway: endpoint.gateway } : {}),
      extraHosts: record.extraHosts,
      dns: record.dns,
      dnsSearch: record.dnsSearch,
      dnsOptions: record.dnsOptions,
    });
  const network = writeFiles();
  if (network.warning) services.warn(network.warning);
  checkSystemFolders(rootfs);
  if (record.state.status === "created") placeMarks(rootfs);
  const volumes = await prepareMounts(services, record, rootfs);
  const { user, home } = services.resolveUser(record.user, (path) => readInRoot(rootfs, path));
  const env = withHome(record.env, home);
  const spec = runtimeSpec(
    {
      rootfs,
      readonlyRootfs: record.readonlyRootfs,
      args: record.args,
      env: record.network === "host" ? withHostname(env, hostname) : env,
      cwd: workingDirectory(rootfs, record.workingDir),
      user,
      terminal: record.terminal,
      ...(options.consoleSize ? { consoleSize: options.consoleSize } : {}),
      hostname,
      network: record.network === "host" ? { kind: "host" } : { kind: "new" },
      capabilities: { add: record.capAdd, drop: record.capDrop, privileged: record.privileged },
      noNewPrivileges: record.noNewPrivileges,
      seccomp: record.seccomp,
      ...(record.privileged ? { devices: hostDevices() } : {}),
      ...(record.shmSize === undefined ? {} : { shmSize: record.shmSize }),
      mounts: resolveMounts(rootfs, [
        ...network.files.map((file) => bindMount(file.source, file.destination)),
        ...volumes,
      ]),
      cgroupsPath: controlGroupOf(record.id),
    },
    hostFacts(),
  );
  const bundle = withCompiledSeccomp(spec, runtime, services.runRoot);
  config.keep(JSON.stringify(bundle));
  const reserve =
    record.network === "bridge"
      ? services.network.open({ id: record.id, folder: paths.run, ports: record.ports })
      : undefined;
  // Both are waited for before either's failure counts: teardown must not overtake the other.
  {
    using _ready = holdControlGroupsReady();
    await Promise.allSettled([creating, reserve]);
  }
  const [pid, endpoint] = [await creating, await reserve];
  if (endpoint) {
    // Written again in place: the container already has these files mounted.
    writeFiles(endpoint);
    await services.network.connect(endpoint, pid);
  }
  const attachment = options.attach ? await attach(paths.attach, options.attach) : undefined;
  const starting = releaseContainer(runtime, record.id);
  const running = services.records.update(record.id, (now) => ({
    ...now,
    ...(endpoint ? { endpoint } : {}),
    state: started(now.state, { pid, processStart: processStartTime(pid), bootId: bootId(), at: Date.now() }),
  }));
  try {
    await starting;
  } catch (error) {
    attachment?.detach();
    throw error;
  }
  return { record: running ?? record, ...(attachment ? { attachment } : {}) };
}

/** Makes volumes and missing sources, fills new volumes, and gives the mounts for the spec. */
async function prepareMounts(
  services: ContainerServices,
  record: ContainerRecord,
  rootfs: string,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of record.mounts) {
    if (mount.type === "tmpfs") mounts.push(tmpfsMount(mount.destination, mount.options));
    else if (mount.type === "volume") {
      // One without a name of the user's comes after the record that has it: nobody removes it meanwhile.
      using _lock = mount.anonymous ? undefined : await lockVolume(services.runRoot, mount.name);
      const isNew = record.state.status === "created" || !services.volumes.get(mount.name);
      const volume = services.volumes.create(mount.name, { anonymous: mount.anonymous });
      // Not at a later start: one that is empty then has the owner that the container gave it.
      if (!mount.noCopy && isNew) await services.volumes.seed(volume, rootfs, mount.destination);
      mounts.push(bindMount(volume.mountpoint, mount.destination, { readonly: mount.readonly }));
    } else {
      if (!existsSync(mount.source)) {
        if (!mount.createSource)
          throw new StrakeError("VOLUME_INVALID", `bind source path does not exist: ${mount.source}`, {
            exitCode: 125,
          });
        mkdirSync(mount.source, { recursive: true, mode: 0o755 });
      }
      statSync(mount.source);
      mounts.push(
        bindMount(mount.source, mount.destination, {
          readonly: mount.readonly,
          propagation: mount.propagation,
        }),
      );
    }
  }
  return mounts;
}

function withHostname(env: readonly string[], hostname: string): string[] {
  return env.some((entry) => entry.startsWith("HOSTNAME=")) ? [...env] : [...env, `HOSTNAME=${hostname}`];
}
