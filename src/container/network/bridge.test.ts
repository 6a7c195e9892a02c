import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import {
  busyboxImage,
  type ContainerHome,
  makeContainerHome,
  processesOf,
  removeQuietly,
  whyNoContainers,
} from "../../../test/support/container-home.ts";
import type { CreateOptions } from "../lifecycle/create.ts";
import type { ContainerRecord } from "../lifecycle/record.ts";
import { BridgeNetwork } from "./bridge.ts";
import { parsePorts } from "./ports.ts";

const why = whyNoContainers() ?? BridgeNetwork.obstacle();
if (why) console.log(`skipped: bridge networks are not made here: ${why}`);

let home: ContainerHome & { remove(): Promise<void> };

beforeAll(() => {
  if (!why) home = makeContainerHome();
});

const removeAll = async () => {
  for (const record of home?.containers.list() ?? []) await removeQuietly(home, record.id);
};

afterEach(removeAll);

afterAll(async () => {
  await home?.containers.services.network.destroy();
  await home?.remove();
});

async function start(script: string, changes: Partial<CreateOptions> = {}): Promise<ContainerRecord> {
  const { id } = home.containers.create({
    image: busyboxImage,
    command: ["sh", "-c", script],
    network: "bridge",
    ...changes,
  });
  return (await home.containers.start(id)).record;
}

const server = (text: string) => `mkdir -p /w; echo ${text} > /w/index.html; exec httpd -f -p 80 -h /w`;

async function output(script: string, changes: Partial<CreateOptions> = {}): Promise<string> {
  const { id } = home.containers.create({ image: busyboxImage, command: ["sh", "-c", script], ...changes });
  let out = "";
  const { attachment } = await home.containers.start(id, {
    attach: {
      onOutput: (_, data) => {
        out += Buffer.from(data).toString();
      },
    },
  });
  await attachment!.closed;
  return out;
}

/** The page behind an address, as soon as the server in the container is up; undefined when nobody answers. */
async function fetchPage(address: string, port: number): Promise<string | undefined> {
  for (let n = 0; n < 400; n++) {
    try {
      return (await (await fetch(`http://${address}:${port}/`)).text()).trim();
    } catch {
      await Bun.sleep(25);
    }
  }
  return undefined;
}

const fetchOnce = async (address: string, port: number) => {
  try {
    return await (await fetch(`http://${address}:${port}/`)).text();
  } catch {
    return undefined;
  }
};

const portOf = (record: ContainerRecord, n = 0) => record.endpoint!.ports[n]!.hostPort;

/** An address of the host that is not loopback. */
const hostAddress = () =>
  Object.entries(networkInterfaces())
    .filter(([name]) => !name.startsWith("strake"))
    .flatMap(([, list]) => list ?? [])
    .find((entry) => entry.family === "IPv4" && !entry.internal)!.address;

/** A request by hand: busybox's wget needs libraries for names. */
const request = (address: string, port: number) =>
  `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${address} ${port} | tail -n 1`;

/** The host's ends of pairs of containers of this home; others may run containers here too. */
const pairs = () => {
  const hash = (id: string) => new Bun.CryptoHasher("sha256").update(`${home.runRoot}\0${id}`).digest("hex");
  const ours = new Set(readdirSync(join(home.runRoot, "locks")).map((id) => `strk${hash(id).slice(0, 10)}`));
  return readdirSync("/sys/class/net").filter((name) => ours.has(name));
};

describe.skipIf(why !== undefined)("a published port", () => {
  test("answers on loopback, on the host's address, and to other containers through either", async () => {
    const web = await start(server("hello"), { ports: parsePorts("0:80") });
    const port = portOf(web);
    expect(port).toBeGreaterThan(1023);
    expect(await fetchPage("127.0.0.1", port)).toBe("hello");
    expect(await fetchPage(hostAddress(), port)).toBe("hello");
    const { address, gateway } = web.endpoint!;
    const out = await output(
      [request(hostAddress(), port), request(gateway, port), request(address, 80)].join("; "),
    );
    expect(out).toBe("hello\n".repeat(3));
  });

  test("is reached by the container itself", async () => {
    const web = await start(server("me"), { ports: parsePorts("0:80") });
    expect(await fetchPage("127.0.0.1", portOf(web))).toBe("me");
    let out = "";
    await home.containers.exec(web.id, {
      args: ["sh", "-c", request(hostAddress(), portOf(web))],
      onOutput: (_, data) => {
        out += Buffer.from(data).toString();
      },
    });
    expect(out).toBe("me\n");
  });

  test("on 127.0.0.1 only is not reached from elsewhere", async () => {
    const web = await start(server("local"), { ports: parsePorts("127.0.0.1::80") });
    expect(await fetchPage("127.0.0.1", portOf(web))).toBe("local");
    expect(await fetchOnce(hostAddress(), portOf(web))).toBeUndefined();
  });

  test("several, of both protocols, by ranges", async () => {
    // busybox has no UDP server, so the host's Bun is lent to the container.
    const echo = 'Bun.udpSocket({port:5353,socket:{data(s,_,port,from){s.send("pong",port,from)}}})';
    const web = await start(`chroot /host ${process.execPath} -e '${echo}' & ${server("many")}`, {
      mounts: [{ type: "bind", source: "/", destination: "/host", readonly: true, createSource: false }],
      ports: [
        ...parsePorts("0:80"),
        ...parsePorts("127.0.0.1:29101-29102:80-81"),
        ...parsePorts("0:5353/udp"),
      ],
    });
    expect(await fetchPage("127.0.0.1", 29101)).toBe("many");
    expect(await fetchPage("127.0.0.1", portOf(web))).toBe("many");
    expect(web.endpoint!.ports.map((port) => port.protocol)).toEqual(["tcp", "tcp", "tcp", "udp"]);
    let reply = "";
    const socket = await Bun.udpSocket({
      socket: {
        data: (_, data) => {
          reply = data.toString();
        },
        error: () => {},
      },
    });
    for (let n = 0; n < 1000 && reply === ""; n++) {
      socket.send("ping", portOf(web, 3), "127.0.0.1");
      await Bun.sleep(20);
    }
    expect(reply).toBe("pong");
    socket.close();
  });

  test("that is busy is a clear error, whoever has it", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => listener.once("listening", resolve));
    const { port } = listener.address() as { port: number };
    await expect(start("true", { ports: parsePorts(`${port}:80`) })).rejects.toMatchObject({
      code: "PORT_BUSY",
      exitCode: 125,
      message: expect.stringContaining(String(port)),
    });
    await new Promise((resolve) => listener.close(resolve));
    const web = await start("sleep 1000", { ports: parsePorts(`${port}:80`) });
    await expect(start("true", { ports: parsePorts(`${port}:80`) })).rejects.toMatchObject({
      code: "PORT_BUSY",
    });
    await home.containers.remove(web.id, { force: true });
    await start("sleep 1000", { ports: parsePorts(`${port}:80`) });
  });

  test("survives somebody who flushes all firewall rules, from the next start on", async () => {
    const web = await start(server("still"), { ports: parsePorts("0:80") });
    expect(await fetchPage("127.0.0.1", portOf(web))).toBe("still");
    Bun.spawnSync(["nft", "delete", "table", "ip", home.containers.services.network.table]);
    expect(await fetchOnce("127.0.0.1", portOf(web))).toBeUndefined();
    await start("sleep 1000");
    expect(await fetchPage("127.0.0.1", portOf(web))).toBe("still");
  });
});

describe.skipIf(why !== undefined)("the bridge", () => {
  test("gives every container an address, its name in /etc/hosts, and the host's name servers", async () => {
    const out = await output("ip -o -4 addr show eth0; ip -o -4 addr show lo; cat /etc/hosts", {
      hostname: "box",
    });
    const address = /inet (10\.\d+\.\d+\.\d+)\/16/.exec(out)?.[1];
    expect(address).toBeDefined();
    expect(out).toContain(`${address}\tbox`);
    expect(out).toContain("127.0.0.1/8");
  });

  test("CVE-2020-8558: does not let containers reach the host's loopback", async () => {
    const listener = createServer((socket) => socket.end("secret\n")).listen(0, "127.0.0.1");
    await new Promise((resolve) => listener.once("listening", resolve));
    const { port } = listener.address() as { port: number };
    const out = await output(
      `ip route add 127.9.9.9/32 via $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p') 2>&1; nc -w 1 127.9.9.9 ${port}; echo end`,
      { capAdd: ["NET_ADMIN"] },
    );
    await new Promise((resolve) => listener.close(resolve));
    expect(out).not.toContain("secret");
    expect(out).toContain("end");
  });

  test("containers end and start again with other addresses; host and none have none", async () => {
    await start("sleep 1000");
    const first = await start("sleep 1000");
    await home.containers.stop(first.id, { timeout: 0 });
    const second = (await home.containers.start(first.id)).record;
    expect(second.endpoint!.address).not.toBe(first.endpoint!.address);
    expect((await start("sleep 1000", { network: "none" })).endpoint).toBeUndefined();
    expect((await start("sleep 1000", { network: "host" })).endpoint).toBeUndefined();
  });

  test("of several run roots that begin at the same time get different ranges", async () => {
    const networks = ["one", "two", "three"].map((name) => new BridgeNetwork(join(home.home, name)));
    try {
      const endpoints = await Promise.all(
        networks.map((network) => network.open({ id: "x", folder: home.home, ports: [] })),
      );
      expect(new Set(endpoints.map(({ gateway }) => gateway)).size).toBe(networks.length);
    } finally {
      for (const network of networks) await network.close("x");
    }
    for (const { bridge } of networks) expect(existsSync(`/sys/class/net/${bridge}`)).toBe(false);
  });

  test("of a run root that was deleted goes when the next bridge is made", async () => {
    const gone = new BridgeNetwork(join(home.home, "gone"));
    await gone.open({ id: "x", folder: home.home, ports: [] });
    expect(existsSync(`/sys/class/net/${gone.bridge}`)).toBe(true);
    rmSync(join(home.home, "gone"), { recursive: true });
    await removeAll();
    await home.containers.services.network.destroy();
    await start("true");
    expect(existsSync(`/sys/class/net/${gone.bridge}`)).toBe(false);
    expect(Bun.spawnSync(["nft", "list", "tables"]).stdout.toString()).not.toContain(gone.table);
  });

  test("after 20 containers that ended or were killed nothing is left", async () => {
    for (let n = 0; n < 10; n++) {
      await start("true", { ports: parsePorts("0:80"), autoRemove: true });
      const killed = await start("sleep 1000", { ports: parsePorts("0:80") });
      home.containers.kill(killed.id);
    }
    const { id } = await start("sleep 1000");
    expect(pairs().length).toBeGreaterThan(0);
    home.containers.kill(id);
    for (const record of home.containers.list()) await home.containers.wait(record.id).catch(() => {});
    await removeAll();
    const left = (folder: string) => readdirSync(join(home.runRoot, folder));
    expect(left("containers")).toEqual([]);
    expect(left("network/leases")).toEqual([]);
    for (const runtime of left("runtime")) expect(left(`runtime/${runtime}`)).toEqual([]);
    expect(readdirSync(join(home.root, "containers"))).toEqual([]);
    const mounts = await Bun.file("/proc/self/mountinfo").text();
    expect(mounts).not.toContain(home.home);
    // The kernel takes namespaces down in its own time.
    for (let n = 0; n < 1000 && pairs().length > 0; n++) await Bun.sleep(10);
    expect(pairs()).toEqual([]);
    for (let n = 0; n < 1000 && processesOf(home.home).length > 0; n++) await Bun.sleep(10);
    expect(processesOf(home.home)).toEqual([]);
    const tables = Bun.spawnSync(["nft", "list", "tables"]).stdout.toString();
    expect(tables).not.toContain(home.containers.services.network.table);
    expect(existsSync(`/sys/class/net/${home.containers.services.network.bridge}`)).toBe(false);
    expect(cgroups()).toEqual([]);
  }, 120_000);
});

/** Control groups of containers of this home. */
function cgroups(): string[] {
  const ids = new Set(readdirSync(join(home.runRoot, "locks")));
  return ["/sys/fs/cgroup/strake", "/sys/fs/cgroup/pids/strake", "/sys/fs/cgroup/devices/strake"]
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path))
    .filter((name) => ids.has(name));
}
