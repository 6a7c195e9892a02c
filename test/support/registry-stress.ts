import { expect } from "bun:test";
import { mediaTypes } from "../../src/oci/index.ts";
import type { Administration } from "../../src/registry/server/index.ts";
import { digestOf } from "./push-image.ts";

export interface StressOptions {
  /** Where requests go; asked anew each time, for replicas die and come back. */
  readonly url: () => string;
  /** Collectors, which all work at once. */
  readonly administrations: readonly Administration[];
  readonly seconds: number;
  /** Whether enough has happened; until then it goes on, for three times as long at most: a busy machine is slow. */
  readonly isEnough: (report: StressReport) => boolean;
  /** Milliseconds for which whoever was told that a blob is there can rely on it: half the grace period. */
  readonly reliable: number;
  /** A request may find its replica dead: then it did not happen, or nobody was told that it did. */
  readonly mayFail?: boolean;
}

export interface StressReport {
  pushes: number;
  /** Blobs that were there already when they were needed. */
  skipped: number;
  mounted: number;
  deletions: number;
  restored: number;
  /** Tags that retention took. */
  retained: number;
  collected: number;
  unlinked: number;
  freed: number;
  /** Images that were read whole, blob by blob, while all of this happened. */
  reads: number;
  unreachable: number;
  /** Pushes that took longer than one can rely on what one was told, and had to begin again. */
  slow: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}
interface Document {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

const repositories = ["a", "a/b", "c"];
const tags = ["x", "y", "z", "pr-1", "pr-2", "pr-3"];
const pick = <T>(items: readonly T[]) => items[Math.floor(Math.random() * items.length)]!;
/** Few contents for many images, so that blobs are dropped and needed again all the time. */
const content = () => `layer ${Math.floor(Math.random() * 200)} `.repeat(20);
const pause = (milliseconds: number) => Bun.sleep(Math.random() * milliseconds);

/** The replica that was asked is gone. */
class Unreachable extends Error {}
class Slow extends Error {}

/** Clients that push, pull, mount, delete and restore, with collection and retention at work all the time. */
class Stress {
  readonly report: StressReport = {
    ...{ pushes: 0, skipped: 0, mounted: 0, deletions: 0, restored: 0, retained: 0 },
    ...{ collected: 0, unlinked: 0, freed: 0, reads: 0, unreachable: 0, slow: 0 },
  };
  readonly #options: StressOptions;
  readonly #start = Date.now();
  #over = false;
  /** Images that were acknowledged and that nobody deletes. */
  readonly #kept: { repository: string; tag: string; digest: string }[] = [];

  constructor(options: StressOptions) {
    this.#options = options;
  }

  #isOver(): boolean {
    const { seconds, isEnough } = this.#options;
    const gone = (Date.now() - this.#start) / 1000;
    return gone > seconds * 3 || (gone > seconds && isEnough(this.report));
  }

  async run(): Promise<StressReport> {
    const collectors = this.#options.administrations.map((administration) => this.#collector(administration));
    const administration = this.#options.administrations[0]!;
    await Promise.all([
      ...[1, 2, 3].map((worker) => this.#again(20, () => this.#push(worker))),
      this.#again(60, () => this.#remove()),
      this.#again(80, () => this.#restore(administration)),
      this.#again(300, () => this.#retain(administration)),
      ...[1, 2].map(() => this.#again(10, () => this.#read(pick(repositories), pick(tags)))),
      this.#again(400, () => this.#keep()),
      this.#again(1500, () => this.#phoenix()),
      ...collectors,
    ]);
    await this.#checkEverything();
    return this.report;
  }

  async #again(milliseconds: number, work: () => Promise<void>): Promise<void> {
    while (!this.#isOver()) {
      try {
        await work();
      } catch (error) {
        if (error instanceof Unreachable) this.report.unreachable++;
        else if (error instanceof Slow) this.report.slow++;
        else throw error;
      }
      await pause(milliseconds);
    }
  }

  async #call(
    path: string,
    init: RequestInit = {},
  ): Promise<{ status: number; text: string; headers: Headers }> {
    for (let attempt = 0; ; attempt++) {
      try {
        const response = await fetch(`${this.#options.url()}v2/${path}`, init);
        const text = await response.text();
        // What a client does when storage is busy or somebody else was faster.
        if ((response.status !== 503 && response.status !== 429) || attempt === 20)
          return { status: response.status, text, headers: response.headers };
        await Bun.sleep(100);
      } catch (error) {
        if (!this.#options.mayFail) throw error;
        // What is only looked at, afterwards, is asked of the next replica.
        if (this.#over && attempt < 20) continue;
        throw new Unreachable("", { cause: error });
      }
    }
  }

  /** As clients do: ask, mount, or push. */
  async #needBlob(repository: string, text: string): Promise<Descriptor> {
    const digest = digestOf(text);
    const described = { mediaType: mediaTypes.ociLayer, digest, size: text.length };
    if ((await this.#call(`${repository}/blobs/${digest}`, { method: "HEAD" })).status === 200)
      this.report.skipped++;
    else {
      const mount = `${repository}/blobs/uploads/?mount=${digest}&from=${pick(repositories)}`;
      const { status, headers } = await this.#call(mount, { method: "POST" });
      if (status === 201) this.report.mounted++;
      else {
        expect(status).toBe(202);
        const path = headers.get("location")!.replace(/^\/v2\//, "");
        const put = await this.#call(`${path}?digest=${digest}`, { method: "PUT", body: text });
        expect([put.status, put.text]).toEqual([201, ""]);
      }
    }
    return described;
  }

  /** `since`: when the first of its blobs was asked for. */
  async #put(
    repository: string,
    reference: string | undefined,
    { mediaType, since, ...document }: { mediaType: string; since: number; [member: string]: unknown },
  ) {
    const body = JSON.stringify({ schemaVersion: 2, mediaType, ...document });
    const digest = digestOf(body);
    const { status, text } = await this.#call(`${repository}/manifests/${reference ?? digest}`, {
      ...{ method: "PUT", body, headers: { "Content-Type": mediaType } },
    });
    if (status === 404 && Date.now() - since > this.#options.reliable) throw new Slow();
    // Whoever was told a moment ago that the blobs are there is not refused now.
    expect([status, text]).toEqual([201, ""]);
    this.report.pushes++;
    return { mediaType, digest, size: body.length };
  }

  async #image(repository: string, reference: string | undefined, note: string, extra: object = {}) {
    const since = Date.now();
    const layers = [await this.#needBlob(repository, content()), await this.#needBlob(repository, content())];
    const config = { ...(await this.#needBlob(repository, content())), mediaType: mediaTypes.ociConfig };
    const document = { mediaType: mediaTypes.ociManifest, since, config, layers, annotations: { note } };
    return this.#put(repository, reference, { ...document, ...extra });
  }

  async #push(worker: number): Promise<void> {
    const repository = pick(repositories);
    const note = `${worker}/${Math.floor(Math.random() * 4)}`;
    const kind = Math.random();
    if (kind < 0.15) {
      const manifests = [
        await this.#image(repository, undefined, note),
        await this.#image(repository, undefined, `${note}!`),
      ];
      await this.#put(repository, pick(tags), {
        mediaType: mediaTypes.ociIndex,
        since: Date.now(),
        manifests,
      });
    } else if (kind < 0.3) {
      const subject = await this.#image(repository, pick(tags), note);
      await this.#image(repository, undefined, `about ${note}`, { subject });
    } else await this.#image(repository, pick(tags), note);
  }

  async #keep(): Promise<void> {
    const repository = pick(repositories);
    const tag = `kept-${this.#kept.length}-${crypto.randomUUID().slice(0, 8)}`;
    const { digest } = await this.#image(repository, tag, crypto.randomUUID());
    this.#kept.push({ repository, tag, digest });
  }

  async #remove(): Promise<void> {
    const repository = pick(repositories);
    const tag = pick(tags);
    const head = await this.#call(`${repository}/manifests/${tag}`, { method: "HEAD" });
    const digest = head.headers.get("docker-content-digest");
    const what = Math.random() < 0.5 || !digest ? tag : digest;
    const { status } = await this.#call(`${repository}/manifests/${what}`, { method: "DELETE" });
    expect([202, 404]).toContain(status);
    if (status === 202) this.report.deletions++;
  }

  /** Blobs that come, are dropped at once and come again much later: they die and rise all the time. */
  async #phoenix(): Promise<void> {
    const text = "phoenix";
    const since = Date.now();
    const blob = await this.#needBlob("phoenix", text);
    const got = await this.#call(`phoenix/blobs/${blob.digest}`);
    if (got.status === 404 && Date.now() - since > this.#options.reliable) throw new Slow();
    expect(got.text).toBe(text);
    await this.#call(`phoenix/blobs/${blob.digest}`, { method: "DELETE" });
    await Bun.sleep(1000);
  }

  async #restore(administration: Administration): Promise<void> {
    const entries = await administration.trash();
    if (entries.length === 0) return;
    const { repository, digest } = pick(entries);
    if (!(await administration.restore(repository, digest))) return;
    this.report.restored++;
    await this.#readManifest(repository, digest);
  }

  async #retain(administration: Administration): Promise<void> {
    const rules = [
      { tags: "pr-*", keepLast: 1 },
      { tags: "kept-*", keepLast: 1_000_000 },
    ];
    this.report.retained += (await administration.retain(rules)).removed.length;
  }

  async #collector(administration: Administration): Promise<void> {
    while (!this.#isOver()) {
      const report = await administration.collect({ untagged: "collect" });
      expect(report?.unreadable ?? []).toEqual([]);
      this.report.collected += report?.deleted.length ?? 0;
      this.report.unlinked += report?.unlinked.length ?? 0;
      this.report.freed += report?.freed ?? 0;
      await Bun.sleep(30);
    }
  }

  async #read(repository: string, reference: string): Promise<void> {
    const { status, headers } = await this.#call(`${repository}/manifests/${reference}`, { method: "HEAD" });
    if (status === 404) return;
    await this.#readManifest(repository, headers.get("docker-content-digest")!);
  }

  /** Everything a manifest needs is there and right, for as long as the manifest itself is. */
  async #readManifest(repository: string, digest: string): Promise<void> {
    const manifest = await this.#call(`${repository}/manifests/${digest}`);
    if (manifest.status === 404) return;
    expect([manifest.status, digestOf(manifest.text)]).toEqual([200, digest]);
    const { config, layers = [], manifests = [] } = JSON.parse(manifest.text) as Document;
    for (const child of manifests) await this.#readManifest(repository, child.digest);
    for (const blob of [...(config ? [config] : []), ...layers]) {
      const path = `${repository}/blobs/${blob.digest}`;
      let got = await this.#call(path);
      if (got.status === 404) {
        // Its image may have been deleted since, and pushed again; but where the image is, its blobs are.
        const { status } = await this.#call(`${repository}/manifests/${digest}`, { method: "HEAD" });
        if (status === 404) return;
        got = await this.#call(path);
      }
      expect([repository, digest, got.status, digestOf(got.text)]).toEqual([
        repository,
        digest,
        200,
        blob.digest,
      ]);
    }
    this.report.reads++;
  }

  /** Afterwards, when nobody deletes any more. */
  async #checkEverything(): Promise<void> {
    this.#over = true;
    for (const repository of repositories) {
      const list = JSON.parse((await this.#call(`${repository}/tags/list`)).text) as { tags?: string[] };
      for (const tag of list.tags ?? []) {
        const head = await this.#call(`${repository}/manifests/${tag}`, { method: "HEAD" });
        expect([tag, head.status]).toEqual([tag, 200]);
        await this.#readManifest(repository, head.headers.get("docker-content-digest")!);
      }
    }
    for (const { repository, tag, digest } of this.#kept) {
      const { status, headers } = await this.#call(`${repository}/manifests/${tag}`, { method: "HEAD" });
      expect([tag, status, headers.get("docker-content-digest")]).toEqual([tag, 200, digest]);
    }
    const { damaged } = await this.#options.administrations[0]!.scrub();
    expect(damaged).toEqual([]);
  }
}

/** Runs until the time is over and everything that is left was read. Throws for anything lost, refused or damaged. */
export function stress(options: StressOptions): Promise<StressReport> {
  return new Stress(options).run();
}
