import { command, type Flags } from "../command.ts";

export const registryServeFlags = {
  storage: {
    type: "string",
    value: "WHERE",
    completes: "folder",
    default: "a folder beside the data root",
    help: "a folder, `memory`, or s3://BUCKET[/PREFIX] with AWS_* of the environment",
  },
  listen: { type: "string", value: "ADDRESS:PORT", default: "127.0.0.1:5000", help: "where to listen" },
  open: { type: "boolean", help: "serve other machines although nobody is asked who they are" },
  "tls-cert": { type: "string", value: "FILE", completes: "file", help: "certificate chain, PEM" },
  "tls-key": { type: "string", value: "FILE", completes: "file", help: "its key, PEM" },
  sparse: { type: "boolean", help: "accept images whose blobs are not all here" },
  quiet: { type: "boolean", short: "q", help: "write no access log" },
} as const satisfies Flags;

export const registrySpecs = [
  command({
    name: "registry serve",
    group: "Store and machine",
    summary: "Serve a registry of images",
    description:
      "Speaks the OCI distribution-spec. Writes one line of JSON for each request to stdout; metrics are at /metrics, health at /healthz and /readyz. Any number of replicas may serve one S3 bucket.",
    args: [],
    flags: registryServeFlags,
    examples: [
      "strake registry serve --storage ./images",
      "strake registry serve --listen :5000 --open --storage s3://images/team",
    ],
    load: async () => (await import("../commands/registry-serve.ts")).registryServe,
  }),
];
