export type { ProxyConfig, UpstreamCredentials } from "./config.ts";
export { decodeProxyConfig, parseProxy } from "./decode-config.ts";
export type { ProxyMetrics } from "./proxy-metrics.ts";
export { type CachedAnswer, PullThrough } from "./pull-through.ts";
export { serveCached } from "./serve.ts";
