import { StrakeError } from "../../../errors/index.ts";

/** What the system says of an address that cannot be listened on, as an error: PORT_BUSY, or USAGE. */
export function listenFailure(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  cause: unknown,
): StrakeError {
  const place = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  // Bun says so of a name that cannot be found, too; a free port is never in use.
  if (port !== 0 && (cause as NodeJS.ErrnoException).code === "EADDRINUSE")
    return new StrakeError("PORT_BUSY", `${place} is already in use`, {
      hint: "choose another with --listen; port 0 takes a free one",
      cause,
    });
  return new StrakeError("USAGE", `a registry cannot listen on ${place}`, {
    hint: "give an address of this machine, such as 127.0.0.1, and a port up to 65535",
    cause,
  });
}
