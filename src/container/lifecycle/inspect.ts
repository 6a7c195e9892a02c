import { containerPaths } from "../monitor/paths.ts";
import type { ContainerMount, ContainerRecord } from "./record.ts";
import type { ContainerServices } from "./services.ts";
import type { ContainerState } from "./state.ts";

const never = "0001-01-01T00:00:00Z";

/** A container as `docker inspect` shows it (Engine API 1.43, ContainerInspect), as far as Strake knows it. */
export function inspectContainer(
  services: ContainerServices,
  record: ContainerRecord,
): Record<string, unknown> {
  const paths = containerPaths(services.root, services.runRoot, record.id);
  const ports = record.endpoint && record.state.status === "running" ? record.endpoint.ports : [];
  const bindings = (mappings: ContainerRecord["ports"]) => {
    const byPort: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
    for (const exposed of record.exposedPorts)
      byPort[exposed.includes("/") ? exposed : `${exposed}/tcp`] = null;
    for (const { containerPort, protocol, hostAddress, hostPort } of mappings) {
      const key = `${containerPort}/${protocol}`;
      byPort[key] = [...(byPort[key] ?? []), { HostIp: hostAddress, HostPort: String(hostPort) }];
    }
    return byPort;
  };
  const isConnected = record.endpoint !== undefined && record.state.status === "running";
  const endpoint = {
    IPAddress: isConnected ? record.endpoint!.address : "",
    IPPrefixLen: isConnected ? record.endpoint!.prefixLength : 0,
    Gateway: isConnected ? record.endpoint!.gateway : "",
    MacAddress: isConnected ? record.endpoint!.mac : "",
  };
  // What every container is given is no part of what it was made with.
  const given = new Set([`HOSTNAME=${record.hostname}`, ...(record.terminal ? ["TERM=xterm"] : [])]);
  return {
    Id: record.id,
    Created: iso(record.createdAt),
    Path: record.args[0] ?? "",
    Args: record.args.slice(1),
    State: stateOf(record.state),
    Image: record.image.id,
    ResolvConfPath: `${paths.run}/resolv.conf`,
    HostnamePath: `${paths.run}/hostname`,
    HostsPath: `${paths.run}/hosts`,
    LogPath: paths.log,
    Name: `/${record.name}`,
    RestartCount: 0,
    Driver: "strake",
    Platform: "linux",
    HostConfig: {
      Binds: record.mounts.filter((mount) => mount.type !== "tmpfs").map(bindText),
      NetworkMode: record.network,
      PortBindings: Object.fromEntries(
        Object.entries(bindings(record.ports)).filter(([, list]) => list !== null),
      ),
      RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
      AutoRemove: record.autoRemove,
      CapAdd: record.capAdd,
      CapDrop: record.capDrop,
      Dns: record.dns,
      DnsOptions: record.dnsOptions,
      DnsSearch: record.dnsSearch,
      ExtraHosts: record.extraHosts.flatMap(({ address, names }) =>
        names.map((name) => `${name}:${address}`),
      ),
      Privileged: record.privileged,
      ReadonlyRootfs: record.readonlyRootfs,
      ShmSize: record.shmSize ?? 67108864,
      LogConfig: { Type: "k8s-file", Config: { "max-size": String(record.logSizeMax) } },
      Tmpfs: Object.fromEntries(
        record.mounts.flatMap((mount) =>
          mount.type === "tmpfs" ? [[mount.destination, mount.options.join(",")]] : [],
        ),
      ),
    },
    Mounts: record.mounts.map((mount) => mountOf(services, mount)),
    Config: {
      Hostname: record.hostname,
      User: record.user,
      Tty: record.terminal,
      OpenStdin: record.openStdin,
      Env: record.env.filter((entry) => !given.has(entry)),
      Cmd: record.command,
      Image: record.image.reference,
      WorkingDir: record.workingDir,
      Entrypoint: record.entrypoint.length > 0 ? record.entrypoint : null,
      Labels: record.labels,
      ExposedPorts: Object.fromEntries(Object.keys(bindings(record.ports)).map((port) => [port, {}])),
      StopSignal: record.stopSignal,
      StopTimeout: record.stopTimeout,
    },
    NetworkSettings: {
      Bridge: "",
      Ports: isConnected ? bindings(ports) : {},
      ...endpoint,
      Networks: { [record.network]: endpoint },
    },
  };
}

function stateOf(state: ContainerState): Record<string, unknown> {
  const isRunning = state.status === "running";
  const startedAt = "startedAt" in state && state.startedAt !== undefined ? iso(state.startedAt) : never;
  return {
    Status: state.status,
    Running: isRunning,
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: false,
    Pid: isRunning ? state.pid : 0,
    ExitCode: "exitCode" in state ? state.exitCode : 0,
    Error: "error" in state ? state.error : "",
    StartedAt: startedAt,
    FinishedAt: "finishedAt" in state ? iso(state.finishedAt) : never,
  };
}

function mountOf(services: ContainerServices, mount: ContainerMount): Record<string, unknown> {
  if (mount.type === "tmpfs") return { Type: "tmpfs", Source: "", Destination: mount.destination, RW: true };
  const rest = { Destination: mount.destination, Mode: mount.readonly ? "ro" : "", RW: !mount.readonly };
  if (mount.type === "bind")
    return { Type: "bind", Source: mount.source, ...rest, Propagation: mount.propagation };
  const Source = services.volumes.get(mount.name)?.mountpoint ?? "";
  return { Type: "volume", Name: mount.name, Source, ...rest, Driver: "local", Propagation: "" };
}

function bindText(mount: ContainerMount): string {
  if (mount.type === "tmpfs") return "";
  const source = mount.type === "bind" ? mount.source : mount.name;
  return `${source}:${mount.destination}${mount.readonly ? ":ro" : ""}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
