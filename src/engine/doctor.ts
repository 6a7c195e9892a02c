import { accessSync, constants, statfsSync } from "node:fs";
import { probeTools } from "../container/index.ts";
import { surveySnapshotters } from "../layer/index.ts";
import type { Store } from "../store/index.ts";

export interface Finding {
  readonly name: string;
  /** `missing` keeps something from working at all, `less` is a loss of one feature or of speed. */
  readonly verdict: "ok" | "less" | "missing";
  readonly detail: string;
  /** The one command or step that mends it. */
  readonly fix?: string;
}

export interface DoctorReport {
  readonly findings: readonly Finding[];
  /** Nothing is missing. */
  readonly ok: boolean;
  /** Installs all Debian packages that are missing. */
  readonly install?: string;
}

interface Program {
  readonly name: string;
  readonly purpose: string;
  readonly package: string;
}

const programs: readonly Program[] = [
  { name: "mmdebstrap", purpose: "strake bootstrap debian", package: "mmdebstrap" },
  { name: "xz", purpose: "archives packed with xz", package: "xz-utils" },
];

/** Looks at the machine. Changes nothing. */
export async function examine(store: Store): Promise<DoctorReport> {
  const tools = probeTools();
  const findings: Finding[] = [rights(), diskSpace(store.root), snapshotters(store.root)];
  const packages = new Set<string>();
  for (const probe of tools.probes) {
    if (probe.ok) {
      if (probe.path) findings.push({ name: probe.name, verdict: "ok", detail: probe.path });
      continue;
    }
    if (probe.package) packages.add(probe.package);
    findings.push(
      missing(probe.name, probe.purpose, { required: probe.required, package: probe.package ?? "" }),
    );
  }
  for (const { name, purpose, package: from } of programs) {
    const path = Bun.which(name);
    if (path !== null) findings.push({ name, verdict: "ok", detail: path });
    else {
      packages.add(from);
      findings.push(missing(name, purpose, { required: false, package: from }));
    }
  }
  findings.push({ name: "cgroup", verdict: "ok", detail: tools.cgroup });
  findings.push(
    tools.bridgeObstacle === undefined
      ? { name: "bridge network", verdict: "ok", detail: "available" }
      : { name: "bridge network", verdict: "less", detail: tools.bridgeObstacle, fix: "use --network host" },
  );
  return {
    findings,
    ok: findings.every(({ verdict }) => verdict !== "missing"),
    ...(packages.size > 0
      ? { install: `apt-get install -y --no-install-recommends ${[...packages].join(" ")}` }
      : {}),
  };
}

function missing(name: string, purpose: string, tool: { required: boolean; package: string }): Finding {
  return {
    name,
    verdict: tool.required ? "missing" : "less",
    detail: `not installed: ${purpose}`,
    fix: `apt-get install -y --no-install-recommends ${tool.package}`,
  };
}

function rights(): Finding {
  if (process.getuid?.() === 0) return { name: "rights", verdict: "ok", detail: "root" };
  return {
    name: "rights",
    verdict: "missing",
    detail: "not root: RUN and containers need mounts and namespaces (images, COPY, load and save do not)",
    fix: "run strake as root (sudo)",
  };
}

const lowSpace = 2 * 1024 ** 3;

function diskSpace(root: string): Finding {
  const { bavail, bsize } = statfsSync(root);
  const free = bavail * bsize;
  const detail = `${(free / 1e9).toFixed(1)} GB free at ${root}`;
  try {
    accessSync(root, constants.W_OK);
  } catch {
    return {
      name: "data root",
      verdict: "missing",
      detail: `${root} cannot be written`,
      fix: "set STRAKE_ROOT",
    };
  }
  if (free >= lowSpace) return { name: "data root", verdict: "ok", detail };
  return { name: "data root", verdict: "less", detail, fix: "strake image prune -a; strake gc" };
}

function snapshotters(root: string): Finding {
  const survey = surveySnapshotters(root);
  const best = survey.find(({ unusable }) => unusable === undefined);
  if (best === undefined)
    return {
      name: "snapshotter",
      verdict: "missing",
      detail: survey.map((s) => `${s.name}: ${s.unusable}`).join("; "),
    };
  const reason = survey[0]?.unusable;
  return reason === undefined
    ? { name: "snapshotter", verdict: "ok", detail: best.name }
    : { name: "snapshotter", verdict: "less", detail: `${best.name} (${survey[0]!.name}: ${reason})` };
}
