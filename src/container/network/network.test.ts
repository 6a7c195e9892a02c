import { describe, expect, test } from "bun:test";
import { forwardRules } from "./firewall.ts";
import { hostsFile, hostsFileOfHost } from "./hosts.ts";
import { assignPorts, checkAddresses, listeningPorts } from "./port-assignment.ts";
import { exposedMappings, formatPort, type PortMapping, parsePorts } from "./ports.ts";
import { resolvConf } from "./resolv.ts";
import {
  chooseSubnet,
  defaultInterface,
  formatIPv4,
  formatSubnet,
  macOf,
  nextAddress,
  overlaps,
  parseIPv4,
  parseRoutes,
  parseSubnet,
} from "./subnet.ts";
import { removalScript, tableScript } from "./table.ts";

describe("ports", () => {
  const brief = (text: string) => parsePorts(text).map(formatPort);

  test.each([
    ["80", ["0.0.0.0:0->80/tcp"]],
    ["8080:80", ["0.0.0.0:8080->80/tcp"]],
    ["127.0.0.1:8080:80/tcp", ["127.0.0.1:8080->80/tcp"]],
    ["127.0.0.1::80", ["127.0.0.1:0->80/tcp"]],
    ["0:53/udp", ["0.0.0.0:0->53/udp"]],
    ["8000-8002:80-82", ["0.0.0.0:8000->80/tcp", "0.0.0.0:8001->81/tcp", "0.0.0.0:8002->82/tcp"]],
    ["7000-7001", ["0.0.0.0:0->7000/tcp", "0.0.0.0:0->7001/tcp"]],
  ])("reads %s", (text, expected) => {
    expect(brief(text)).toEqual(expected);
  });

  test.each([
    "",
    "x",
    "70000:80",
    "80:",
    "1-3:1-2",
    "80/sctp",
    "a:1:2",
    "1:2:3:4",
    "[::1]:1:2",
    "2-1",
    "256.0.0.1:1:1",
    "0",
  ])("refuses %p", (text) => {
    expect(() => parsePorts(text)).toThrow(expect.objectContaining({ code: "PORT_INVALID", exitCode: 125 }));
  });

  test("publish-all asks for any port for each exposed one", () => {
    expect(exposedMappings(["80/tcp", "53/udp"]).map(formatPort)).toEqual([
      "0.0.0.0:0->80/tcp",
      "0.0.0.0:0->53/udp",
    ]);
  });
});

describe("assignPorts", () => {
  test("one container port takes the first free one of a range", () => {
    const wanted = parsePorts("8000-8002:80");
    expect(wanted).toHaveLength(1);
    const taken = (port: number) => ({ protocol: "tcp", address: "0.0.0.0", port, owner: "x" }) as const;
    expect(assignPorts(wanted, [taken(8000)]).map(formatPort)).toEqual(["0.0.0.0:8001->80/tcp"]);
    expect(() => assignPorts(wanted, [8000, 8001, 8002].map(taken))).toThrow(
      expect.objectContaining({ code: "NETWORK_EXHAUSTED", exitCode: 125 }),
    );
  });

  test("an address that the machine does not have is refused", () => {
    const check = (text: string) => checkAddresses(parsePorts(text), new Set(["10.0.0.7"]));
    expect(() => check("1.2.3.4:80:80")).toThrow(/this machine has no address 1.2.3.4/);
    for (const text of ["80:80", "127.0.0.5:80:80", "10.0.0.7:80:80"]) check(text);
  });

  const mapping = (hostPort: number, hostAddress = "0.0.0.0"): PortMapping => ({
    protocol: "tcp",
    hostAddress,
    hostPort,
    containerPort: 80,
  });
  const taken = (port: number, address: string) =>
    ({ protocol: "tcp", port, address, owner: "nginx" }) as const;

  test("gives asked ports and finds free ones that no later mapping asks for", () => {
    const ports = assignPorts([mapping(0), mapping(32768)], [], 32768);
    expect(ports.map((port) => port.hostPort)).toEqual([32769, 32768]);
  });

  test.each([
    ["0.0.0.0", "127.0.0.1"],
    ["127.0.0.1", "0.0.0.0"],
    ["127.0.0.1", "127.0.0.1"],
  ])("a port busy on %s cannot be published on %s", (busy, wanted) => {
    expect(() => assignPorts([mapping(80, wanted)], [taken(80, busy)])).toThrow(
      expect.objectContaining({ code: "PORT_BUSY", message: expect.stringContaining("nginx") }),
    );
  });

  test("another address, another protocol do not disturb", () => {
    expect(assignPorts([mapping(80, "127.0.0.2")], [taken(80, "127.0.0.1")])).toHaveLength(1);
    expect(assignPorts([{ ...mapping(80), protocol: "udp" }], [taken(80, "0.0.0.0")])).toHaveLength(1);
  });

  test("the same port twice in one request is busy the second time", () => {
    expect(() => assignPorts([mapping(80), mapping(80)], [])).toThrow(
      expect.objectContaining({ code: "PORT_BUSY" }),
    );
  });

  test("reads who listens from /proc/net, wildcard IPv6 included", () => {
    const head = "  sl  local_address rem_address   st tx_queue\n";
    const tcp = `${head}   0: 0100007F:1F90 00000000:0000 0A 0:0\n   1: 0200007F:1F91 00000000:0000 01 0:0\n`;
    expect(listeningPorts(tcp, "tcp")).toEqual([
      { protocol: "tcp", address: "127.0.0.1", port: 8080, owner: "a program of the host" },
    ]);
    const tcp6 = `${head}   0: ${"0".repeat(32)}:0050 ${"0".repeat(32)}:0000 0A 0:0\n`;
    expect(listeningPorts(tcp6, "tcp")[0]).toMatchObject({ address: "0.0.0.0", port: 80 });
  });
});

describe("subnets", () => {
  test("reads and writes addresses", () => {
    expect(formatIPv4(parseIPv4("203.0.113.255"))).toBe("203.0.113.255");
    expect(formatSubnet(parseSubnet("10.1.2.3/16"))).toBe("10.1.0.0/16");
  });

  test("choice avoids every route of the host, larger or smaller", () => {
    const routes = ["10.80.3.0/24", "10.76.0.0/14"].map(parseSubnet);
    const chosen = chooseSubnet(routes)!;
    expect(routes.some((route) => overlaps(route, chosen))).toBe(false);
    expect(chooseSubnet([parseSubnet("0.0.0.0/1"), parseSubnet("128.0.0.0/1")])).toBeUndefined();
  });

  test("reads the kernel's routes", () => {
    const text =
      "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n" +
      "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
      "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    expect(parseRoutes(text).map(formatSubnet)).toEqual(["192.0.2.0/24"]);
    expect(defaultInterface(text)).toBe("eth0");
  });

  test("addresses go round and are not given again at once", () => {
    const subnet = parseSubnet("10.0.0.0/29");
    const at = (text: string) => parseIPv4(text);
    expect(formatIPv4(nextAddress(subnet, new Set(), 0)!)).toBe("10.0.0.2");
    expect(formatIPv4(nextAddress(subnet, new Set(), at("10.0.0.2"))!)).toBe("10.0.0.3");
    expect(formatIPv4(nextAddress(subnet, new Set([at("10.0.0.4")]), at("10.0.0.3"))!)).toBe("10.0.0.5");
    expect(formatIPv4(nextAddress(subnet, new Set(), at("10.0.0.6"))!)).toBe("10.0.0.2");
    const all = new Set([2, 3, 4, 5, 6].map((n) => at(`10.0.0.${n}`)));
    expect(nextAddress(subnet, all, 0)).toBeUndefined();
  });

  test("an address always has the same hardware address", () => {
    expect(macOf(parseIPv4("10.80.0.2"))).toBe("02:5b:0a:50:00:02");
  });
});

describe("the nftables table", () => {
  const script = tableScript({
    table: "t",
    bridge: "br",
    subnet: parseSubnet("10.80.0.0/16"),
    published: [
      {
        address: "10.80.0.2",
        ports: [...parsePorts("8080:80"), ...parsePorts("127.0.0.1:5353:53/udp")],
      },
    ],
  });

  test("publishes by port, and by address and port", () => {
    expect(script).toContain("add element ip t tcp_any { 8080 : 10.80.0.2 . 80 }");
    expect(script).toContain("add element ip t udp_one { 127.0.0.1 . 5353 : 10.80.0.2 . 53 }");
  });

  test("what is not listed any more is emptied first, in the same transaction", () => {
    expect(script.indexOf("flush map ip t tcp_any")).toBeGreaterThan(0);
    expect(script.indexOf("flush map ip t tcp_any")).toBeLessThan(script.indexOf("add element"));
  });

  test("CVE-2020-8558: containers do not reach the host's loopback", () => {
    expect(script).toContain('iifname "br" ip daddr 127.0.0.0/8 drop');
  });

  test("removal works also when there is no table", () => {
    expect(removalScript("t")).toBe("table ip t { }\ndelete table ip t\n");
  });
});

describe("forwardRules", () => {
  test("nothing where nothing drops", () => {
    expect(forwardRules("-P INPUT ACCEPT\n-P FORWARD ACCEPT\n", "br")).toEqual([]);
  });

  test("a FORWARD policy of DROP gets rules, in Docker's own chain where there is one", () => {
    expect(forwardRules("-P FORWARD DROP\n", "br").map((rule) => rule.slice(0, 4))).toEqual([
      ["-I", "FORWARD", "-i", "br"],
      ["-I", "FORWARD", "-o", "br"],
    ]);
    expect(forwardRules("-P FORWARD DROP\n-N DOCKER-USER\n", "br")[0]?.[1]).toBe("DOCKER-USER");
  });

  test("rules that are there are not added again", () => {
    const listing = "-P FORWARD DROP\n-A FORWARD -i br -j ACCEPT\n-A FORWARD -o br -m conntrack -j ACCEPT\n";
    expect(forwardRules(listing, "br")).toEqual([]);
  });
});

describe("names", () => {
  test("a container on a bridge does not get servers on loopback", () => {
    const host = "nameserver 127.0.0.53\nsearch corp.example\noptions edns0\n";
    const systemd = "nameserver 192.0.2.53\n";
    expect(resolvConf({ host, systemd, hostNetwork: false }).text).toBe(
      "nameserver 192.0.2.53\nsearch corp.example\noptions edns0\n",
    );
    expect(resolvConf({ host, hostNetwork: true }).text).toContain("127.0.0.53");
    const alone = resolvConf({ host, hostNetwork: false });
    expect(alone.text).toContain("nameserver 8.8.8.8");
    expect(alone.warning).toContain("loopback");
  });

  test("the user's servers, search list and options replace the host's", () => {
    const result = resolvConf({
      host: "nameserver 192.0.2.1\nsearch a b\n",
      hostNetwork: false,
      servers: ["192.0.2.9"],
      search: ["x.example"],
      options: ["ndots:2"],
    });
    expect(result.text).toBe("nameserver 192.0.2.9\nsearch x.example\noptions ndots:2\n");
  });

  test("the hosts file has the usual names, added ones, and its own", () => {
    const text = hostsFile([
      { address: "192.0.2.7", names: ["db"] },
      { address: "10.80.0.2", names: ["box"] },
    ]);
    expect(text).toContain("127.0.0.1\tlocalhost\n");
    expect(text).toEndWith("192.0.2.7\tdb\n10.80.0.2\tbox\n");
    expect(hostsFileOfHost("127.0.0.1 me", [{ address: "1.2.3.4", names: ["x"] }])).toBe(
      "127.0.0.1 me\n1.2.3.4\tx\n",
    );
  });
});
