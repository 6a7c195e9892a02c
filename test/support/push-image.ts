import { createHash } from "node:crypto";

export const digestOf = (content: string | Uint8Array, algorithm = "sha256") =>
  `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;

const mediaType = "application/vnd.oci.image.manifest.v1+json";

/** Pushes an image of one small blob nobody has; throws with the status when it is refused. */
export async function pushImage(
  url: string | URL,
  name: string,
  { headers = {}, tls }: { headers?: Record<string, string>; tls?: { ca: string } } = {},
): Promise<{ digest: string; body: string; config: string }> {
  const [repository, tag] = name.split(":") as [string, string];
  const content = JSON.stringify({ unique: crypto.randomUUID() });
  const config = digestOf(content);
  const send = async (path: string, init: RequestInit) => {
    const response = await fetch(new URL(`/v2/${repository}/${path}`, url), { ...init, tls });
    if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  };
  await send(`blobs/uploads/?digest=${config}`, { method: "POST", body: content, headers });
  const described = { mediaType: "application/vnd.oci.image.config.v1+json", digest: config };
  const body = JSON.stringify({
    ...{ schemaVersion: 2, mediaType, config: { ...described, size: content.length }, layers: [] },
  });
  await send(`manifests/${tag}`, { method: "PUT", body, headers: { ...headers, "Content-Type": mediaType } });
  return { digest: digestOf(body), body, config };
}
