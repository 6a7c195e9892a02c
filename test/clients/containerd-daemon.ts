import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findClient } from "./shop.ts";

export const ctr = findClient("ctr", { root: true })!;
export const containerd = findClient("containerd", { root: true })!;

export interface Containerd {
  /** The words that begin a call of ctr. */
  readonly ctr: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** A containerd of our own, with all it has in `folder`; its mounts go with it. */
export async function startContainerd(folder: string): Promise<Containerd> {
  const base = join(folder, "containerd");
  const socket = join(base, "socket");
  mkdirSync(base);
  const config = [
    ...["version = 2", `root = "${base}/root"`, `state = "${base}/state"`],
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    ...["[grpc]", `  address = "${socket}"`, "[ttrpc]", `  address = "${socket}.ttrpc"`],
  ];
  writeFileSync(join(base, "config.toml"), `${config.join("\n")}\n`);
  const log = Bun.file(join(base, "log"));
  const daemon = Bun.spawn([containerd, "-c", join(base, "config.toml")], { stdout: log, stderr: log });
  for (let i = 0; !existsSync(socket); i++) {
    if (i > 1200) throw new Error(`containerd did not start: ${readFileSync(join(base, "log"), "utf8")}`);
    await Bun.sleep(25);
  }
  return {
    ctr: [ctr, "--address", socket],
    async [Symbol.asyncDispose]() {
      daemon.kill();
      await daemon.exited;
      for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n").reverse()) {
        const target = line.split(" ")[1];
        if (target?.startsWith(`${folder}/`)) Bun.spawnSync(["umount", target]);
      }
    },
  };
}
