import { expect, test } from "bun:test";
import type { Served } from "./served.ts";

/** Health and metrics. */
export function testMetrics(served: Served): void {
  const { call } = served;

  test("health and metrics", async () => {
    expect((await call("/healthz")).status).toBe(200);
    expect((await call("/readyz")).status).toBe(200);
    const metrics = await (await call("/metrics")).text();
    expect(metrics).toMatch(/^strake_registry_requests_total\{route="blob",method="GET",code="200"\} \d+$/m);
    expect(metrics).toMatch(/^strake_registry_events_total\{type="manifest.pushed"\} \d+$/m);
    for (const line of metrics.trim().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{[^{}]*\})? [0-9.e+-]+)$/);
  });
}
