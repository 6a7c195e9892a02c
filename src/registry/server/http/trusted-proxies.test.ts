import { expect, test } from "bun:test";
import { isNetwork, TrustedProxies } from "./trusted-proxies.ts";

test("addresses and networks", () => {
  for (const text of ["10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "fd00::/8", "2001:db8::/128"])
    expect([text, isNetwork(text)]).toEqual([text, true]);
  for (const text of [
    "",
    "10",
    "10.0.0.0/33",
    "10.0.0.0/",
    "fd00::/129",
    "10.0.0.0/8/8",
    "fe80::1%eth0",
    "host",
  ])
    expect([text, isNetwork(text)]).toEqual([text, false]);
});

test.each([
  // Nobody else is believed.
  ["192.0.2.1", "198.51.100.1", "192.0.2.1"],
  ["10.0.0.1", null, "10.0.0.1"],
  ["10.0.0.1", "198.51.100.1", "198.51.100.1"],
  ["::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"],
  // What a client wrote before the proxy added its own.
  ["10.0.0.1", "127.0.0.1, 10.9.9.9, 198.51.100.1", "198.51.100.1"],
  // A chain of proxies.
  ["10.0.0.1", "198.51.100.1, 10.0.0.2,fd00::3", "198.51.100.1"],
  ["10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"],
  ["10.0.0.1", "198.51.100.1:4711", "198.51.100.1"],
  ["fd00::1", "[2001:db8::1]:4711", "2001:db8::1"],
  ["10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"],
  ["10.0.0.1", "198.51.100.1, , 10.0.0.2", "10.0.0.2"],
  ["", "198.51.100.1", ""],
])("a connection from %s that says %s is of %s", (connection, header, client) => {
  const trusted = new TrustedProxies(["10.0.0.0/8", "fd00::/8"]);
  expect(trusted.clientOf(connection, header)).toBe(client);
});

test.each([
  ["10.0.0.1", "https", "https"],
  ["10.0.0.1", "HTTP", "http"],
  ["::ffff:10.0.0.1", "https", "https"],
  // A chain of proxies: TLS ended at the first.
  ["10.0.0.1", "https, http", "https"],
  ["10.0.0.1", "ftp", undefined],
  ["10.0.0.1", "", undefined],
  ["10.0.0.1", null, undefined],
  // Nobody else is believed.
  ["192.0.2.1", "https", undefined],
  ["", "https", undefined],
])("a connection from %s that says %s was asked by %s", (connection, header, scheme) => {
  expect(new TrustedProxies(["10.0.0.0/8"]).schemeOf(connection, header)).toBe(scheme as never);
});
