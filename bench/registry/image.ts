import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { timed } from "../measure.ts";
import { localTag } from "./clients.ts";
import { putBlob, putManifest } from "./http.ts";

/**
 * The image that is moved: files of the machine itself, which compress like real images do, in two layers, three quarters and one quarter.
 * `data` keeps it for the next run.
 */
export class BenchImage {
  readonly #data: string;
  readonly #executable: string;
  readonly #mib: number;

  constructor(data: string, options: { readonly executable: string; readonly mib: number }) {
    this.#data = data;
    this.#executable = options.executable;
    this.#mib = options.mib;
  }

  /** As docker-archive, which every client loads. */
  archive(): string {
    const archive = join(this.#data, `image-${this.#mib}.tar`);
    if (existsSync(archive)) return archive;
    const context = join(this.#data, "context");
    const parts = [
      { name: "one", from: "/usr/lib", mib: Math.round(this.#mib * 0.75) },
      { name: "two", from: "/usr/share", mib: Math.round(this.#mib * 0.25) },
    ];
    for (const { name, from, mib } of parts) {
      mkdirSync(join(context, name), { recursive: true });
      const unpack = `head -c ${mib << 20} | tar xf - -C ${join(context, name)} 2>/dev/null`;
      Bun.spawnSync(["sh", "-c", `tar cf - --hard-dereference ${from} 2>/dev/null | ${unpack}`]);
    }
    writeFileSync(join(context, "Dockerfile"), 'FROM scratch\nCOPY one /one\nCOPY two /two\nCMD ["/one"]\n');
    const maker = join(this.#data, "maker");
    const env = { STRAKE_ROOT: join(maker, "root"), STRAKE_RUNROOT: join(maker, "run") };
    timed([this.#executable, "build", "-q", "-t", localTag, context], { env });
    timed([this.#executable, "save", "-o", archive, localTag], { env });
    for (const folder of [context, maker]) rmSync(folder, { recursive: true });
    return archive;
  }

  /** Puts it into a registry with layers as docker packs them: one gzip stream each. */
  async publish(host: string, name: string): Promise<string> {
    const folder = join(this.#data, `image-${this.#mib}`);
    if (!existsSync(join(folder, "done"))) {
      mkdirSync(folder, { recursive: true });
      timed(["tar", "xf", this.archive(), "-C", folder]);
      for (const { Layers } of this.#parts(folder))
        for (const layer of Layers) timed(["gzip", "-n6f", join(folder, layer)]);
      writeFileSync(join(folder, "done"), "");
    }
    const [image] = this.#parts(folder);
    const { Config, Layers } = image!;
    const base = `http://${host}/v2/${name}`;
    const part = async (mediaType: string, file: string) => {
      const { digest, size } = await putBlob(base, join(folder, file));
      return { mediaType, digest, size };
    };
    const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
    const layers = [];
    for (const layer of Layers)
      layers.push(await part("application/vnd.docker.image.rootfs.diff.tar.gzip", `${layer}.gz`));
    const config = await part("application/vnd.docker.container.image.v1+json", Config);
    await putManifest(base, "1", mediaType, JSON.stringify({ schemaVersion: 2, mediaType, config, layers }));
    return `${host}/${name}:1`;
  }

  #parts(folder: string): { Config: string; Layers: string[] }[] {
    return JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  }
}
