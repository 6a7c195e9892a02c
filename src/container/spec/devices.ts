import type { DeviceRule } from "./types.ts";

/**
 * What the device cgroup lets a container do: make any node (a node it may not open is harmless and archives hold
 * them), and open the handful that every program expects. Runtimes create those nodes themselves.
 */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 1), // console
  character(5, 2), // ptmx
  { allow: true, type: "c", major: 136, access: "rwm" }, // pseudo terminals
];

export const privilegedDeviceRules: readonly DeviceRule[] = [{ allow: true, access: "rwm" }];

function character(major: number, minor: number): DeviceRule {
  return { allow: true, type: "c", major, minor, access: "rwm" };
}
