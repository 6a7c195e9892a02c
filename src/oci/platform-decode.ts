import type { Platform } from "./platform.ts";
import type { Shape } from "./shape.ts";

/** The platform of a descriptor (image-index.md): `os` and `architecture` are required where there is one. */
export function decodeDescriptorPlatform(value: unknown, path: string, shape: Shape): Platform {
  const object = shape.object(value, path);
  shape.string(object.os, `${path}.os`);
  shape.string(object.architecture, `${path}.architecture`);
  shape.optional(object, "variant", path, shape.string);
  shape.optional(object, "os.version", path, shape.string);
  shape.optional(object, "os.features", path, shape.strings);
  return object as unknown as Platform;
}
