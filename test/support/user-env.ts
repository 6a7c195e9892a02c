/**
 * The variables of a user whose home is this folder, who has logged in nowhere and set nothing. What the machine's own user has is not read:
 * least of all podman's logins, which are root's for all of the machine (/run/containers/0/auth.json) and outlive their registry's port.
 */
export function userEnv<More extends Readonly<Record<string, string>>>(home: string, more = {} as More) {
  return {
    PATH: process.env.PATH!,
    HOME: home,
    XDG_RUNTIME_DIR: home,
    CONTAINERS_REGISTRIES_CONF: "/dev/null",
    ...more,
  };
}
