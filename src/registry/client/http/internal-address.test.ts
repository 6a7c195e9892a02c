import { expect, test } from "bun:test";
import { isInternalAddress, isInternalHost, publicLookup } from "./internal-address.ts";

test.each([
  ["127.0.0.1", true],
  ["127.255.1.2", true],
  ["10.1.2.3", true],
  ["172.16.0.1", true],
  ["172.32.0.1", false],
  ["192.168.1.1", true],
  ["169.254.169.254", true],
  ["100.64.0.1", true],
  ["100.128.0.1", false],
  ["0.0.0.0", true],
  ["224.0.0.1", true],
  ["255.255.255.255", true],
  ["8.8.8.8", false],
  ["::1", true],
  ["::", true],
  ["[::1]", true],
  ["fe80::1%eth0", true],
  ["fd00::1", true],
  ["2001:4860:4860::8888", false],
  ["::ffff:127.0.0.1", true],
  ["::ffff:8.8.8.8", false],
  ["64:ff9b::a9fe:a9fe", true],
  ["64:ff9b::808:808", false],
  ["no address", true],
])("%s is internal: %p", (address, expected) => {
  expect(isInternalAddress(address)).toBe(expected);
});

test("a name is what it means", async () => {
  expect(await isInternalHost("localhost")).toBe(true);
  expect(await isInternalHost("host.invalid")).toBe(false);
  for (const all of [true, false]) {
    const error = await new Promise((resolve) => publicLookup("localhost", { all }, (e) => resolve(e)));
    expect(error).toMatchObject({ code: "REGISTRY_RESPONSE" });
  }
});
