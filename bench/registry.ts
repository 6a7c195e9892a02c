/**
 * Pull and push of a two-layer image through Debian's docker-registry on loopback: strake, docker and podman in turn in one run, as
 * whole processes, each round with a store that has nothing of the image.
 *
 *   bun bench/registry.ts [--rounds N] [--mib N] [--only strake,docker]
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startDockerRegistry } from "../test/support/docker-registry.ts";
import { median, type Sample, timed } from "./measure.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    mib: { type: "string", default: "448" },
    only: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const workspace = mkdtempSync(join(tmpdir(), "strake-bench-registry-"));
const executable = process.env.STRAKE_BIN ?? join(import.meta.dir, "..", "dist", "strake");

/** Who takes part. A client that has a daemon has no memory of its own to measure. */
interface Client {
  readonly name: string;
  readonly hasDaemon?: boolean;
  setup(): Promise<void>;
  load(archive: string): void;
  /** The image as it came from the archive; under a name of this registry. */
  push(target: string): readonly string[];
  pull(target: string): readonly string[];
  /** Forgets the image, so that the next pull fetches everything. */
  forget(target: string): void;
  readonly env: Record<string, string>;
  teardown(): Promise<void>;
}

const local = "bench.local/image:1";

function strake(): Client {
  let env: Record<string, string> = {};
  let round = 0;
  const fresh = () => {
    const home = join(workspace, `strake${round++}`);
    env = { STRAKE_ROOT: join(home, "root"), STRAKE_RUNROOT: join(home, "run") };
  };
  return {
    name: "strake",
    async setup() {},
    load(archive) {
      // A remembered compressed layer would be no work.
      fresh();
      timed([executable, "load", "-i", archive], { env });
    },
    push(target) {
      return [executable, "push", "-q", local, target];
    },
    pull(target) {
      rmSync(join(env.STRAKE_ROOT!, ".."), { recursive: true, force: true });
      fresh();
      return [executable, "pull", "-q", target];
    },
    forget() {},
    get env() {
      return env;
    },
    async teardown() {},
  };
}

function docker(): Client {
  const home = join(workspace, "docker");
  const client = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";
  const env = { DOCKER_HOST: `unix://${join(home, "docker.sock")}`, DOCKER_CONFIG: join(home, "config") };
  let daemon: Bun.Subprocess | undefined;
  return {
    name: "docker",
    hasDaemon: true,
    env,
    async setup() {
      mkdirSync(home, { recursive: true });
      daemon = Bun.spawn(
        [
          ...["dockerd", "--data-root", join(home, "data"), "--exec-root", join(home, "exec")],
          ...["--iptables=false", "-H", env.DOCKER_HOST, "--pidfile", join(home, "pid")],
        ],
        { stdout: "ignore", stderr: Bun.file(join(home, "log")) },
      );
      for (let i = 0; !existsSync(join(home, "docker.sock")); i++) {
        if (i > 300) throw new Error("dockerd did not start");
        await Bun.sleep(100);
      }
    },
    load(archive) {
      timed([client, "load", "-i", archive], { env });
    },
    push(target) {
      timed([client, "tag", local, target], { env });
      return [client, "push", "-q", target];
    },
    pull: (target) => [client, "pull", "-q", target],
    forget: (target) => {
      timed([client, "rmi", "-f", target, local], { env });
    },
    async teardown() {
      daemon?.kill("SIGTERM");
      await daemon?.exited;
    },
  };
}

function podman(): Client {
  const home = join(workspace, "podman");
  const base = [
    "podman",
    "--root",
    join(home, "root"),
    "--runroot",
    join(home, "run"),
    "--storage-driver",
    "overlay",
  ];
  return {
    name: "podman",
    env: {},
    async setup() {
      mkdirSync(home, { recursive: true });
    },
    load(archive) {
      timed([...base, "load", "-i", archive]);
    },
    push: (target) => [...base, "push", "-q", "--tls-verify=false", local, target],
    pull: (target) => [...base, "pull", "-q", "--tls-verify=false", target],
    forget: () => {
      timed([...base, "rmi", "-fa"]);
    },
    async teardown() {},
  };
}

/** Files of the machine itself: what compresses like real images do. Two folders, three quarters and one quarter. */
function makeImage(): string {
  const context = join(workspace, "context");
  const mib = Number(options.mib);
  const parts = {
    one: ["/usr/lib", Math.round(mib * 0.75)],
    two: ["/usr/share", Math.round(mib * 0.25)],
  } as const;
  for (const [name, [from, size]] of Object.entries(parts)) {
    mkdirSync(join(context, name), { recursive: true });
    const tar = `tar cf - --hard-dereference ${from} 2>/dev/null | head -c ${size << 20} | tar xf - -C ${join(context, name)} 2>/dev/null`;
    Bun.spawnSync(["sh", "-c", tar]);
  }
  writeFileSync(join(context, "Dockerfile"), 'FROM scratch\nCOPY one /one\nCOPY two /two\nCMD ["/one"]\n');
  const env = { STRAKE_ROOT: join(workspace, "maker"), STRAKE_RUNROOT: join(workspace, "maker-run") };
  timed([executable, "build", "-q", "-t", local, context], { env });
  timed([executable, "save", "-o", join(workspace, "image.tar"), local], { env });
  rmSync(context, { recursive: true });
  return join(workspace, "image.tar");
}

const rows: string[][] = [["push"], ["pull to runnable"], ["push, peak memory"], ["pull, peak memory"]];
const names: string[] = [];
const registries: Awaited<ReturnType<typeof startDockerRegistry>>[] = [];
try {
  const archive = makeImage();
  for (const client of [strake(), docker(), podman()]) {
    if (options.only !== undefined && !options.only.split(",").includes(client.name)) continue;
    try {
      await client.setup();
      const pushes: Sample[] = [];
      const pulls: Sample[] = [];
      for (let round = 0; round < rounds; round++) {
        // A new one each time: clients remember which layers a registry has, and would have them mounted.
        const registry = await startDockerRegistry();
        registries.push(registry);
        client.load(archive);
        const target = `${registry.host}/bench/image:1`;
        const push = client.push(target);
        Bun.spawnSync(["sync"]);
        pushes.push(timed(push, { env: client.env }));
        client.forget(target);
        const pull = client.pull(target);
        Bun.spawnSync(["sync"]);
        pulls.push(timed(pull, { env: client.env }));
        client.forget(target);
      }
      names.push(client.name);
      const ms = (samples: Sample[]) => `${Math.round(median(samples.map(({ wallMs }) => wallMs)))} ms`;
      const mib = (samples: Sample[]) =>
        client.hasDaemon ? "–" : `${Math.round(median(samples.map(({ peakMiB }) => peakMiB)))} MiB`;
      for (const [i, cell] of [ms(pushes), ms(pulls), mib(pushes), mib(pulls)].entries()) rows[i]!.push(cell);
      console.error(client.name, ms(pushes), ms(pulls), mib(pushes), mib(pulls));
    } catch (error) {
      console.error(`${client.name}: left out: ${error instanceof Error ? error.message : error}`);
    } finally {
      for (const registry of registries.splice(0)) await registry.stop();
      await client.teardown();
    }
  }
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
console.log(`| two layers, ${options.mib} MiB | ${names.join(" | ")} |`);
console.log(`|---|${names.map(() => "---|").join("")}`);
for (const cells of rows) console.log(`| ${cells.join(" | ")} |`);
