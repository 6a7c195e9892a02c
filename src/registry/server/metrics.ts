import type { ProxyMetrics } from "./proxy/index.ts";

/** Upper bounds of the duration buckets, seconds. */
const buckets = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

interface Series {
  count: number;
  seconds: number;
  readonly buckets: number[];
}

/** What one answered request adds. */
export interface Observation {
  /** Kind of route: a closed set, so that hostile paths cannot make series. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const methods = new Set(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]);

/** Counters in Prometheus' text format 0.0.4. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #durations = new Map<string, Series>();
  readonly #events = new Map<string, number>();
  readonly #collections = new Map<string, number>();
  readonly #scrubs = new Map<string, number>();
  #freed = 0;
  #collectedAt = 0;
  #damaged = 0;
  readonly #webhooks = new Map<string, number>();
  readonly #started = Date.now();
  /** Of the registries that are cached here. */
  proxy: ProxyMetrics | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  /** Requests whose answer is not all sent. */
  inFlight: () => number = () => 0;

  observe({ route, method, status, seconds, bytesIn, bytesOut }: Observation): void {
    const known = methods.has(method) ? method : "other";
    add(this.#requests, `route="${route}",method="${known}",code="${status}"`);
    this.#bytesIn += bytesIn;
    this.#bytesOut += bytesOut;
    let series = this.#durations.get(route);
    if (!series) {
      series = { count: 0, seconds: 0, buckets: buckets.map(() => 0) };
      this.#durations.set(route, series);
    }
    series.count++;
    series.seconds += seconds;
    for (let i = buckets.length - 1; i >= 0 && seconds <= buckets[i]!; i--) series.buckets[i]!++;
  }

  /** A collection that happened by itself. */
  collection(outcome: string, report: { readonly freed: number } | undefined): void {
    add(this.#collections, `outcome="${outcome}"`);
    this.#freed += report?.freed ?? 0;
    if (outcome === "finished") this.#collectedAt = Date.now();
  }

  /** A scrub that happened by itself, and how many blobs it found damaged. */
  scrub(outcome: string, damaged: number | undefined): void {
    add(this.#scrubs, `outcome="${outcome}"`);
    this.#damaged = damaged ?? this.#damaged;
  }

  webhook(outcome: string): void {
    add(this.#webhooks, `outcome="${outcome}"`);
  }

  event(type: string): void {
    add(this.#events, `type="${type}"`);
  }

  render(): string {
    const lines: string[] = [];
    const family = (
      name: string,
      type: string,
      help: string,
      samples: Iterable<readonly [string, number]>,
    ) => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      for (const [labels, value] of samples) lines.push(`${name}${labels && `{${labels}}`} ${value}`);
    };
    family("strake_registry_requests_total", "counter", "Requests answered.", this.#requests);
    family("strake_registry_in_flight_requests", "gauge", "Requests being answered.", [
      ["", this.inFlight()],
    ]);
    family("strake_registry_received_bytes_total", "counter", "Bytes of request bodies.", [
      ["", this.#bytesIn],
    ]);
    family("strake_registry_sent_bytes_total", "counter", "Bytes of response bodies.", [
      ["", this.#bytesOut],
    ]);
    family("strake_registry_events_total", "counter", "Pushes, pulls, mounts and deletes.", this.#events);
    family(
      "strake_registry_webhooks_total",
      "counter",
      "Events told or not told to webhooks.",
      this.#webhooks,
    );
    family("strake_registry_collections_total", "counter", "Scheduled collections.", this.#collections);
    family("strake_registry_collected_bytes_total", "counter", "Bytes they freed.", [["", this.#freed]]);
    for (const [name, help, samples] of this.proxy?.families() ?? []) family(name, "counter", help, samples);
    family(
      "strake_registry_last_collection_timestamp_seconds",
      "gauge",
      "End of the last scheduled collection that finished; 0 when there was none.",
      [["", this.#collectedAt / 1000]],
    );
    family("strake_registry_scrubs_total", "counter", "Scheduled scrubs.", this.#scrubs);
    family(
      "strake_registry_damaged_blobs",
      "gauge",
      "Blobs that the last scheduled scrub found changed on the medium.",
      [["", this.#damaged]],
    );
    const name = "strake_registry_request_duration_seconds";
    lines.push(`# HELP ${name} Time until the answer began.`, `# TYPE ${name} histogram`);
    for (const [route, { count, seconds, buckets: counts }] of this.#durations) {
      for (const [i, bound] of buckets.entries())
        lines.push(`${name}_bucket{route="${route}",le="${bound}"} ${counts[i]}`);
      lines.push(`${name}_bucket{route="${route}",le="+Inf"} ${count}`);
      lines.push(`${name}_sum{route="${route}"} ${seconds}`, `${name}_count{route="${route}"} ${count}`);
    }
    const memory = process.memoryUsage.rss();
    family("process_resident_memory_bytes", "gauge", "Resident memory.", [["", memory]]);
    family("process_start_time_seconds", "gauge", "Start of the server.", [["", this.#started / 1000]]);
    return `${lines.join("\n")}\n`;
  }
}

function add(counters: Map<string, number>, labels: string): void {
  counters.set(labels, (counters.get(labels) ?? 0) + 1);
}
