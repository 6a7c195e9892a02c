/** The resolver configuration of a container, from the host's. */
export interface ResolverChoice {
  /** Text of the host's /etc/resolv.conf. */
  readonly host: string;
  /** Text of systemd-resolved's list of real servers, when there is one. */
  readonly systemd?: string;
  /** True when the container has the host's network and so reaches servers on loopback. */
  readonly hostNetwork: boolean;
  readonly servers?: readonly string[];
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** Where systemd-resolved keeps the servers behind its 127.0.0.53. */
export const systemdResolvConf = "/run/systemd/resolve/resolv.conf";

/** Used when the host names only servers on loopback, which a container with a network of its own cannot reach. */
export const fallbackServers: readonly string[] = ["8.8.8.8", "8.8.4.4"];

/**
 * The text of the container's /etc/resolv.conf, and a warning when the host's servers could not be used. Servers,
 * search list and options the user gave replace the host's.
 */
export function resolvConf(choice: ResolverChoice): { text: string; warning?: string } {
  const host = parseResolvConf(choice.host);
  let servers = choice.servers?.length ? choice.servers : host.servers;
  let warning: string | undefined;
  if (!choice.servers?.length && !choice.hostNetwork) {
    const reachable = (list: readonly string[]) => list.filter((server) => !isLoopback(server));
    servers = reachable(host.servers);
    if (servers.length === 0 && choice.systemd) servers = reachable(parseResolvConf(choice.systemd).servers);
    if (servers.length === 0) {
      servers = fallbackServers;
      warning = `the host's name servers are on loopback, which containers cannot reach; using ${fallbackServers.join(", ")}`;
    }
  }
  const search = choice.search?.length ? choice.search : host.search;
  const options = choice.options?.length ? choice.options : host.options;
  const lines = servers.map((server) => `nameserver ${server}`);
  if (search.length > 0 && search[0] !== ".") lines.push(`search ${search.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  return { text: `${lines.join("\n")}\n`, ...(warning ? { warning } : {}) };
}

export interface ParsedResolvConf {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** resolv.conf(5): the last `search` or `domain` line counts, `nameserver` and `options` lines add up. */
export function parseResolvConf(text: string): ParsedResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (keyword === "nameserver" && values[0]) servers.push(values[0]);
    if (keyword === "search" || keyword === "domain") search = values;
    if (keyword === "options") options.push(...values);
  }
  return { servers, search, options };
}

function isLoopback(server: string): boolean {
  return server.startsWith("127.") || server === "::1";
}
