/** node:zlib, loaded when something is packed or unpacked: that takes 4 ms, and most commands do neither. */
export function zlib(): typeof import("node:zlib") {
  return process.getBuiltinModule("node:zlib");
}
