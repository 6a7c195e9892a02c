import { afterAll, beforeAll } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore, type ObjectStore, Registry, S3Store } from "../../src/registry/server/index.ts";
import { type LayeredImage, makeLayeredImage, pushLayeredImage } from "../support/layered-image.ts";
import { findS3Server, s3Credentials, startS3Server } from "../support/s3-server.ts";

/** How a registry of ours asks who somebody is. The last is over S3 and sends who pulls there. */
export type Kind = "open" | "basic" | "token" | "redirecting";
const s3 = findS3Server();
if ("reason" in s3) console.log(`skipped: clients of a registry over S3: ${s3.reason}`);
export const kinds: readonly Kind[] = [
  "open",
  "basic",
  "token",
  ...("path" in s3 ? ["redirecting" as const] : []),
];

export const user = { name: "ann", password: "correct horse" } as const;
const credentials = { kind: "basic", username: user.name, password: user.password } as const;

export interface Counter {
  readonly host: string;
  /** Whether it wants a password. */
  readonly guarded: boolean;
  /** What its pages answer, with the password where it wants one. */
  get(path: string): Promise<Response>;
  tags(repository: string): Promise<string[]>;
  digest(repository: string, reference: string): Promise<string | undefined>;
}

/** Registries of ours for the programs of others, each with an image as `source/app:1`. */
export interface Shop extends AsyncDisposable {
  readonly folder: string;
  readonly image: LayeredImage;
  readonly counters: Readonly<Record<Kind, Counter>>;
  /** Runs a program with a home of its own; gives stdout, throws with all it said when it fails. */
  run(
    command: readonly string[],
    options?: { stdin?: string; env?: Record<string, string> },
  ): Promise<string>;
}

/** The shop of a group of tests, open while they run. */
export function useShop(): Shop {
  const shop = {} as Shop;
  beforeAll(async () => {
    Object.assign(shop, await openShop());
  });
  afterAll(async () => await shop[Symbol.asyncDispose]?.());
  return shop;
}

export async function openShop(): Promise<Shop> {
  const folder = mkdtempSync(join(tmpdir(), "strake-clients-"));
  const htpasswd = join(folder, "htpasswd");
  const hash = await Bun.password.hash(user.password, { algorithm: "bcrypt", cost: 4 });
  writeFileSync(htpasswd, `${user.name}:${hash}\n`);
  const rules = { htpasswd, admins: { users: [user.name] } };
  const image = await makeLayeredImage([20_000, 1_200_000]);
  await using servers = new AsyncDisposableStack();
  const counters = {} as Record<Kind, Counter>;
  for (const kind of kinds) {
    const registry = await Registry.start({
      storage: await (kind === "redirecting" ? openBucket(servers) : FileStore.open(join(folder, kind))),
      ...(kind === "basic" ? { rules } : {}),
      ...(kind === "token" ? { rules: { ...rules, token: {} } } : {}),
    });
    servers.defer(() => registry.stop({ grace: 100 }));
    const guarded = kind === "basic" || kind === "token";
    await pushLayeredImage(image, registry.host, "source/app", guarded ? credentials : undefined);
    counters[kind] = counter(registry.host, guarded);
  }
  const home = join(folder, "home");
  mkdirSync(home);
  // Else root's logins go to a file of the whole machine, /run/containers/0/auth.json.
  const authFile = join(home, "auth.json");
  writeFileSync(authFile, "{}");
  const opened = servers.move();
  return {
    folder,
    image,
    counters,
    async run(command, { stdin, env } = {}) {
      const child = Bun.spawn([...command], {
        stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
        stdout: "pipe",
        stderr: "pipe",
        cwd: home,
        env: { PATH: process.env.PATH, HOME: home, TMPDIR: tmpdir(), REGISTRY_AUTH_FILE: authFile, ...env },
      });
      const [code, out, err] = await Promise.all([
        child.exited,
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}\n${err}\n${out}`);
      return out.trim();
    },
    [Symbol.asyncDispose]: async () => {
      await opened.disposeAsync();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openBucket(servers: AsyncDisposableStack): Promise<ObjectStore> {
  if ("reason" in s3) throw new Error(s3.reason);
  const { endpoint, bucket } = servers.use(await startS3Server(s3.path));
  return S3Store.open({ endpoint, bucket: bucket(), credentials: s3Credentials, redirect: true });
}

function counter(host: string, guarded: boolean): Counter {
  const authorization = `Basic ${btoa(`${user.name}:${user.password}`)}`;
  const get = (path: string) =>
    fetch(`http://${host}${path}`, { headers: { Accept: "*/*", ...(guarded ? { authorization } : {}) } });
  return {
    host,
    guarded,
    get,
    async tags(repository) {
      const answer = await get(`/v2/${repository}/tags/list`);
      return answer.status === 404 ? [] : ((await answer.json()) as { tags: string[] }).tags;
    },
    async digest(repository, reference) {
      const answer = await get(`/v2/${repository}/manifests/${reference}`);
      return answer.headers.get("docker-content-digest") ?? undefined;
    },
  };
}

/** A program on the path or where scripts/fetch-clients puts it; says so when there is none. */
export function findClient(name: string, { root = false }: { root?: boolean } = {}): string | undefined {
  if (root && process.getuid?.() !== 0) {
    console.log(`skipped: ${name} against our registry: not root`);
    return undefined;
  }
  const cache = process.env.STRAKE_CACHE ?? join(homedir(), ".cache", "strake");
  const path = Bun.which(name) ?? [join(cache, "clients", name)].find(existsSync);
  if (path === undefined) console.log(`skipped: ${name} against our registry: ${name} is not installed`);
  return path;
}
