/** Media types of the OCI image-spec (media-types.md) and of Docker's image manifest, version 2 schema 2. */
export const mediaTypes = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  ociForeignLayer: "application/vnd.oci.image.layer.nondistributable.v1.tar",
  ociForeignLayerGzip: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  ociForeignLayerZstd: "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
  ociEmpty: "application/vnd.oci.empty.v1+json",
  ociDescriptor: "application/vnd.oci.descriptor.v1+json",
  ociLayoutHeader: "application/vnd.oci.layout.header.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerManifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerLayerZstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
  dockerForeignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar",
  dockerForeignLayerGzip: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  dockerSchema1: "application/vnd.docker.distribution.manifest.v1+json",
  dockerSchema1Signed: "application/vnd.docker.distribution.manifest.v1+prettyjws",
} as const;

export type Compression = "none" | "gzip" | "zstd";

/** What the media type of a layer says about its bytes. */
export interface LayerType {
  readonly family: "oci" | "docker";
  readonly compression: Compression;
  /** Not to be pushed; its bytes may have to come from the descriptor's `urls`. */
  readonly foreign: boolean;
  /** ocicrypt's `+encrypted` suffix: recognised so that it can be refused by name. */
  readonly encrypted: boolean;
}

const layers = new Map<string, LayerType>();
for (const [base, family, foreign, separator] of [
  [mediaTypes.ociLayer, "oci", false, "+"],
  [mediaTypes.ociForeignLayer, "oci", true, "+"],
  [mediaTypes.dockerLayer, "docker", false, "."],
  [mediaTypes.dockerForeignLayer, "docker", true, "."],
] as const) {
  for (const compression of ["none", "gzip", "zstd"] as const) {
    const type = compression === "none" ? base : `${base}${separator}${compression}`;
    layers.set(type, { family, compression, foreign, encrypted: false });
    layers.set(`${type}+encrypted`, { family, compression, foreign, encrypted: true });
  }
}

/** The layer type of a media type, or undefined when it is not that of a file system layer. */
export function parseLayerType(mediaType: string): LayerType | undefined {
  return layers.get(mediaType);
}

/** The media type of a distributable layer with this compression. */
export function layerMediaType(compression: Compression, family: "oci" | "docker" = "oci"): string {
  const base = family === "oci" ? mediaTypes.ociLayer : mediaTypes.dockerLayer;
  if (compression === "none") return base;
  return `${base}${family === "oci" ? "+" : "."}${compression}`;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest;
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerManifestList;
}

export function isConfigType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig;
}

/** Docker's first manifest format, which has no content address of its own and is refused. */
export function isSchema1Type(mediaType: string): boolean {
  return mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSchema1Signed;
}

// RFC 6838 section 4.2, each name at most 127 characters.
const grammar = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** Whether the string is `type/subtype` without parameters (RFC 6838). */
export function isMediaType(value: string): boolean {
  return grammar.test(value);
}

/** The media type of a Content-Type header: parameters cut, lowercase; undefined when there is none. */
export function parseContentType(header: string | null | undefined): string | undefined {
  const type = (header ?? "").split(";", 1)[0]!.trim().toLowerCase();
  return isMediaType(type) ? type : undefined;
}
