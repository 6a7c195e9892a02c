import { StrakeError } from "../errors/index.ts";

const protocols: ReadonlySet<string> = new Set(["tcp", "udp", "sctp"]);

/**
 * The ports that expanded words of EXPOSE name, as `80/tcp`: ranges counted out, host parts of the old
 * `ip:host:container` form checked and dropped. Order and repetitions as given. Throws `DOCKERFILE_SYNTAX`.
 */
export function exposedPorts(words: readonly string[]): string[] {
  return words.flatMap(portsOf);
}

function portsOf(word: string): string[] {
  const parts = word.split(":");
  const container = parts.pop()!;
  const host = parts.pop() ?? "";
  const address = parts.join(":");
  if (address !== "" && !isAddress(address)) throw invalid(`invalid IP address: ${address}`, word);
  const slash = container.indexOf("/");
  const range = slash < 0 ? container : container.slice(0, slash);
  const protocol = slash < 0 ? "tcp" : container.slice(slash + 1).toLowerCase() || "tcp";
  if (range === "") throw invalid("no port specified", word);
  if (!protocols.has(protocol)) throw invalid(`invalid proto: ${protocol}`, word);
  const [first, last] = portRange(range, "containerPort", word);
  if (host !== "") {
    const [hostFirst, hostLast] = portRange(host, "hostPort", word);
    // One container port may take any of a range of host ports; two ranges must be equally long.
    if (last !== first && hostLast - hostFirst !== last - first)
      throw invalid(`invalid ranges specified for container and host ports: ${range} and ${host}`, word);
  }
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol}`);
}

function portRange(text: string, what: string, word: string): [first: number, last: number] {
  const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || first > 65535 || last > 65535 || last < first)
    throw invalid(`invalid ${what}: ${text}`, word);
  return [first, last];
}

function isAddress(text: string): boolean {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return text.split(".").every((part) => Number(part) <= 255);
  const inner = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  return inner.includes(":") && /^[0-9a-fA-F:.]+$/.test(inner);
}

function invalid(message: string, word: string): StrakeError {
  return new StrakeError("DOCKERFILE_SYNTAX", `${message} in "${word}"`, {
    hint: "write EXPOSE port[-port][/tcp|/udp|/sctp]",
  });
}
