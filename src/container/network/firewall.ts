import { existsSync, readFileSync } from "node:fs";
import { run } from "../runtime/command.ts";
import { findProgram } from "../runtime/runtime.ts";

/**
 * Rules for `iptables` so that forwarded packets of a bridge pass a FORWARD chain that drops them (Docker and ufw set that
 * policy): accepting in a table of our own cannot overrule another's drop. `listing` is `iptables -S`. Docker promises to leave
 * DOCKER-USER alone, so they go there when it exists. Empty when nothing drops, or they are there already. Pure.
 */
export function forwardRules(listing: string, bridge: string): string[][] {
  const lines = listing.split("\n").map((line) => line.trim());
  const drops =
    lines.some((line) => /^-P FORWARD (DROP|REJECT)$/.test(line)) ||
    lines.some((line) => /^-A FORWARD (.* )?-j (REJECT|DROP)\b/.test(line));
  if (!drops) return [];
  const chain = lines.includes("-N DOCKER-USER") ? "DOCKER-USER" : "FORWARD";
  const rules = [
    ["-i", bridge, "-j", "ACCEPT"],
    ["-o", bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED,DNAT", "-j", "ACCEPT"],
  ];
  const known = (rule: readonly string[]) =>
    lines.some((line) => line.startsWith(`-A ${chain} `) && line.includes(` ${rule[0]} ${bridge} `));
  return rules.filter((rule) => !known(rule)).map((rule) => ["-I", chain, ...rule]);
}

/** What firewalld keeps of its zone `trusted`; absent while nobody has changed the zone. */
const trustedZone = "/etc/firewalld/zones/trusted.xml";

/**
 * Arguments for `firewall-cmd` so that a bridge is in the zone `trusted`: its containers reach the outside and the host. `lasting` also writes it into
 * firewalld's configuration, as a reload or restart of it forgets the rest, and running containers would be cut off. A bridge that is in there
 * (`zone`, the file's text) needs no call, which takes 0.3 s. Pure.
 */
export function zoneCommands(zone: string, bridge: string, lasting: boolean): string[][] {
  if (zone.includes(`<interface name="${bridge}"/>`)) return [];
  const now = ["--zone=trusted", `--change-interface=${bridge}`];
  return lasting ? [now, ["--permanent", ...now]] : [now];
}

/** Whether something on the host is likely to drop forwarded packets: asked at every start, so it starts no program. */
function hasOtherFirewall(): boolean {
  return (
    ["docker0", "virbr0"].some((name) => existsSync(`/sys/class/net/${name}`)) ||
    existsSync("/run/docker.sock") ||
    existsSync("/run/firewalld") ||
    /^ENABLED=yes/m.test(readOr("/etc/ufw/ufw.conf"))
  );
}

/**
 * Lets the bridge's packets through other firewalls. `first` asks iptables even where nothing points to one. Gives a warning when
 * a firewall is there that could not be told.
 */
export async function passOtherFirewalls(
  bridge: string,
  { first, lasting }: { readonly first: boolean; readonly lasting: boolean },
): Promise<string | undefined> {
  if (!first && !hasOtherFirewall()) return undefined;
  const warnings: string[] = [];
  const iptables = findProgram("iptables");
  if (iptables !== undefined) {
    const listing = await run([iptables, "-w", "-S"]);
    for (const rule of listing.status === 0 ? forwardRules(listing.stdout, bridge) : []) {
      const result = await run([iptables, "-w", ...rule]);
      if (result.status !== 0) warnings.push(`iptables ${rule.join(" ")}: ${result.stderr.trim()}`);
    }
  }
  const firewalld = existsSync("/run/firewalld") ? findProgram("firewall-cmd") : undefined;
  if (firewalld !== undefined) {
    for (const args of zoneCommands(readOr(trustedZone), bridge, lasting)) {
      const result = await run([firewalld, ...args]);
      if (result.status !== 0) warnings.push(`firewall-cmd: ${result.stderr.trim()}`);
    }
  }
  return warnings.length > 0
    ? `the firewall of this host may drop packets of containers: ${warnings.join("; ")}`
    : undefined;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
