export { type BootstrapBusyboxOptions, bootstrapBusybox } from "./bootstrap/busybox.ts";
export { type BootstrapDebianOptions, bootstrapDebian, suiteName } from "./bootstrap/debian.ts";
export { type BaseImage, type ImportOptions, importLayer, storeBaseImage } from "./import.ts";
export { type LoadedImage, type LoadOptions, loadArchive } from "./load/load.ts";
export { type SaveOptions, type SaveRequest, saveArchive } from "./save/save.ts";
