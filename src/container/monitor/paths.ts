/** Where the parts of one container live on the host. */
export interface ContainerPaths {
  /** Kept as long as the container: writable layer, log. */
  readonly data: string;
  readonly log: string;
  /** Kept while it runs: bundle, sockets, pid files. Gone after a reboot. */
  readonly run: string;
  readonly rootfs: string;
  readonly attach: string;
  readonly winsize: string;
  readonly pidFile: string;
  readonly monitorPidFile: string;
  readonly exitFolder: string;
  readonly exitFile: string;
  readonly runtimeLog: string;
  readonly lock: string;
}

export function containerPaths(root: string, runRoot: string, id: string): ContainerPaths {
  const data = `${root}/containers/${id}`;
  const run = `${runRoot}/containers/${id}`;
  return {
    data,
    log: `${data}/container.log`,
    run,
    rootfs: `${run}/rootfs`,
    attach: `${run}/attach`,
    winsize: `${run}/winsz`,
    pidFile: `${run}/pid`,
    monitorPidFile: `${run}/conmon.pid`,
    exitFolder: `${run}/ended`,
    exitFile: `${run}/ended/${id}`,
    runtimeLog: `${run}/runtime.log`,
    lock: `${runRoot}/locks/${id}`,
  };
}
