/** Where Docker Hub's API is; references call it docker.io, old addresses index.docker.io. */
export const hubAddress = "registry-1.docker.io";

const names: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", hubAddress]);

/** Whether a host is Docker Hub under one of its names. */
export function isDockerHub(host: string): boolean {
  return names.has(host);
}
