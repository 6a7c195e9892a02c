/** The host of an address as node:net wants it: IPv6 without its brackets. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}
