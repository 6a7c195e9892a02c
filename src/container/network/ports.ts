import { StrakeError } from "../../errors/index.ts";

export type PortProtocol = "tcp" | "udp";

/** One published port. `hostPort` 0 asks for any free one; `hostAddress` "0.0.0.0" is every address of the host. */
export interface PortMapping {
  readonly protocol: PortProtocol;
  readonly hostAddress: string;
  readonly hostPort: number;
  /** The last port of a range from which one is taken. */
  readonly hostPortEnd?: number;
  readonly containerPort: number;
}

/**
 * Reads `-p`: `[address:][host:]container[/protocol]`, where host and container may be ranges of the same length; one container port takes
 * the first free one of a range.
 * `[::]` and `::` are not offered yet. Errors: PORT_INVALID.
 */
export function parsePorts(text: string): PortMapping[] {
  const [spec = "", protocol = "tcp", ...rest] = text.split("/");
  if ((protocol !== "tcp" && protocol !== "udp") || rest.length > 0)
    throw invalid(text, "the protocol is tcp or udp");
  if (spec.includes("[")) throw invalid(text, "IPv6 host addresses are not supported yet");
  const parts = spec.split(":");
  if (parts.length > 3) throw invalid(text, "it has too many colons");
  const container = parseRange(text, parts.at(-1)!);
  const hostText = parts.length > 1 ? parts.at(-2)! : "";
  const hostAddress = parts.length > 2 && parts[0] !== "" ? parts[0]! : "0.0.0.0";
  if (!isIPv4(hostAddress)) throw invalid(text, `"${hostAddress}" is not an IPv4 address`);
  const host = hostText === "" || hostText === "0" ? undefined : parseRange(text, hostText);
  const count = container.end - container.start + 1;
  const hostCount = host ? host.end - host.start + 1 : count;
  const isChoice = count === 1 && hostCount > 1;
  if (hostCount !== count && !isChoice) throw invalid(text, "the two ranges differ in length");
  return Array.from({ length: count }, (_, n) => ({
    protocol,
    hostAddress,
    hostPort: host ? host.start + n : 0,
    ...(isChoice && { hostPortEnd: host!.end }),
    containerPort: container.start + n,
  }));
}

/** `80/tcp`, `53/udp`, `8000-8002` of EXPOSE as mappings to any free port (`-P`). */
export function exposedMappings(exposed: readonly string[]): PortMapping[] {
  return exposed.flatMap((port) => parsePorts(port).map((mapping) => ({ ...mapping, hostPort: 0 })));
}

/** `0.0.0.0:8080->80/tcp`, as in the table of `ps`. */
export function formatPort(mapping: PortMapping): string {
  return `${mapping.hostAddress}:${mapping.hostPort}->${mapping.containerPort}/${mapping.protocol}`;
}

export function isIPv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function parseRange(whole: string, text: string): { start: number; end: number } {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const start = Number(match?.[1]);
  const end = match?.[2] === undefined ? start : Number(match[2]);
  if (!match || start < 1 || end > 65535 || end < start)
    throw invalid(whole, `"${text}" is not a port or range`);
  return { start, end };
}

function invalid(text: string, why: string): StrakeError {
  return new StrakeError("PORT_INVALID", `cannot publish "${text}": ${why}`, {
    hint: "Write [address:][host port:]container port[/tcp|/udp], for example 8080:80 or 127.0.0.1:5353:53/udp.",
    exitCode: 125,
  });
}
