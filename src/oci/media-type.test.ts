import { expect, test } from "bun:test";
import {
  isConfigType,
  isIndexType,
  isManifestType,
  isMediaType,
  isSchema1Type,
  layerMediaType,
  mediaTypes,
  parseContentType,
  parseLayerType,
} from "./index.ts";

test("layer types say compression, family, foreign and encrypted", () => {
  const type = (mediaType: string) => {
    const layer = parseLayerType(mediaType);
    return layer && [layer.family, layer.compression, layer.foreign, layer.encrypted];
  };
  expect(type(mediaTypes.ociLayer)).toEqual(["oci", "none", false, false]);
  expect(type(mediaTypes.ociLayerZstd)).toEqual(["oci", "zstd", false, false]);
  expect(type(mediaTypes.ociForeignLayerGzip)).toEqual(["oci", "gzip", true, false]);
  expect(type(mediaTypes.dockerLayerGzip)).toEqual(["docker", "gzip", false, false]);
  expect(type(mediaTypes.dockerForeignLayerGzip)).toEqual(["docker", "gzip", true, false]);
  expect(type(`${mediaTypes.ociLayerGzip}+encrypted`)).toEqual(["oci", "gzip", false, true]);
  for (const other of ["application/octet-stream", `${mediaTypes.ociLayer}+xz`, "constructor", ""])
    expect(type(other)).toBeUndefined();
});

test("layerMediaType is the inverse of parseLayerType", () => {
  for (const family of ["oci", "docker"] as const)
    for (const compression of ["none", "gzip", "zstd"] as const)
      expect(parseLayerType(layerMediaType(compression, family))).toEqual({
        ...{ family, compression, foreign: false, encrypted: false },
      });
});

test("every media type of the table has one kind", () => {
  for (const type of Object.values(mediaTypes)) {
    expect(isMediaType(type)).toBe(true);
    const kinds = [
      isManifestType,
      isIndexType,
      isConfigType,
      isSchema1Type,
      (t: string) => !!parseLayerType(t),
    ];
    const helper = [mediaTypes.ociEmpty, mediaTypes.ociDescriptor, mediaTypes.ociLayoutHeader] as string[];
    expect(kinds.filter((is) => is(type))).toHaveLength(helper.includes(type) ? 0 : 1);
  }
});

test("a Content-Type's parameters are cut", () => {
  expect(parseContentType(`${mediaTypes.ociManifest}; charset=utf-8`)).toBe(mediaTypes.ociManifest);
  expect(parseContentType("Application/JSON")).toBe("application/json");
  for (const none of [null, undefined, "", ";", "text", "a/b/c"])
    expect(parseContentType(none)).toBeUndefined();
});
