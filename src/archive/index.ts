export { type BootstrapBusyboxOptions, bootstrapBusybox, staticBusybox } from "./bootstrap/busybox.ts";
export { type BootstrapDebianOptions, bootstrapDebian, suiteName } from "./bootstrap/debian.ts";
export { type BaseImage, type ImportOptions, importLayer, storeBaseImage } from "./import.ts";
export { packLayout, unpackLayout } from "./layout/archive.ts";
export { OciLayout } from "./layout/oci-layout.ts";
export { salvageLayout } from "./layout/salvage.ts";
export { type LoadedImage, type LoadOptions, loadArchive } from "./load/load.ts";
export { type SaveOptions, type SaveRequest, saveArchive } from "./save/save.ts";
