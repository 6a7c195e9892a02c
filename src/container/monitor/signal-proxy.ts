const proxied: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];

export interface SignalProxy {
  /** From now on signals go there; those that came before go there first. */
  deliverTo(receive: (name: NodeJS.Signals) => void): void;
  /** Signals have their usual effect on us again. */
  stop(): void;
}

/**
 * Catches the signals that a user or service manager sends us, for the container. Made before the container is started: a signal that
 * comes in between would otherwise end us and leave the container running.
 */
export function proxySignals(): SignalProxy {
  const early: NodeJS.Signals[] = [];
  let receive: (name: NodeJS.Signals) => void = (name) => early.push(name);
  const catchSignal = (name: NodeJS.Signals) => receive(name);
  for (const name of proxied) process.on(name, catchSignal);
  return {
    deliverTo(receiver) {
      receive = receiver;
      for (const name of early.splice(0)) receiver(name);
    },
    stop() {
      for (const name of proxied) process.off(name, catchSignal);
    },
  };
}
