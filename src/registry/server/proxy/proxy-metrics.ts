/** What the cache did, by upstream: as many series as there are upstreams, whatever clients ask for. */
export class ProxyMetrics {
  readonly requests = new Map<string, number>();
  readonly bytes = new Map<string, number>();
  readonly failures = new Map<string, number>();
  readonly evicted = new Map<string, number>();

  request(upstream: string, kind: string, result: string): void {
    add(this.requests, `upstream="${upstream}",kind="${kind}",result="${result}"`, 1);
  }

  received(upstream: string, count: number): void {
    add(this.bytes, `upstream="${upstream}"`, count);
  }

  failure(upstream: string, code: string): void {
    add(this.failures, `upstream="${upstream}",code="${code}"`, 1);
  }

  evict(upstream: string, count: number): void {
    add(this.evicted, `upstream="${upstream}"`, count);
  }

  /** Names, help and samples of the families, all counters. */
  families(): (readonly [name: string, help: string, samples: ReadonlyMap<string, number>])[] {
    return [
      ["strake_registry_proxy_requests_total", "Requests to cached repositories.", this.requests],
      ["strake_registry_proxy_received_bytes_total", "Bytes of blobs from upstreams.", this.bytes],
      ["strake_registry_proxy_failures_total", "Questions that an upstream did not answer.", this.failures],
      ["strake_registry_proxy_evicted_bytes_total", "Bytes that went to make room.", this.evicted],
    ];
  }
}

function add(counters: Map<string, number>, labels: string, count: number): void {
  counters.set(labels, (counters.get(labels) ?? 0) + count);
}
