import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { staticBusybox } from "../archive/index.ts";
import { findProgram, missingRight, probeTools, remedyForRights } from "../container/index.ts";
import type { StrakeError } from "../errors/index.ts";
import { surveySnapshotters } from "../layer/index.ts";

export interface Finding {
  readonly name: string;
  /**
   * `missing` keeps something from working at all, `less` is a loss of one feature or of speed, `unused` is not there and nothing that strake
   * does now needs it.
   */
  readonly verdict: "ok" | "less" | "missing" | "unused";
  readonly detail: string;
  /** The Debian package it comes from. */
  readonly package?: string;
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
  /** Nothing that strake does now needs it. */
  readonly unused?: true;
  /** Where it is when it is not a program of the PATH. */
  readonly find?: () => string | undefined;
}

const firstOf = (paths: readonly string[]) => paths.find((path) => existsSync(path));

const authorities = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];
const forTests = "only the tests of strake's repository use it";

const programs: readonly Program[] = [
  { name: "mmdebstrap", purpose: "strake bootstrap debian", package: "mmdebstrap" },
  {
    name: "setpriv",
    purpose: "a bootstrap that is killed leaves nothing running",
    package: "util-linux",
  },
  {
    name: "busybox",
    purpose: "strake bootstrap busybox (a static one)",
    package: "busybox-static",
    find: staticBusybox,
  },
  { name: "xz", purpose: "archives packed with xz", package: "xz-utils" },
  { name: "bzip2", purpose: "archives packed with bzip2", package: "bzip2" },
  {
    name: "CA certificates",
    purpose: "registries whose certificates this machine trusts, lending them to RUN (build --ca)",
    package: "ca-certificates",
    find: () => firstOf(authorities),
  },
  {
    name: "aardvark-dns",
    purpose: "names of containers on networks of their own, which come later",
    package: "aardvark-dns",
    unused: true,
    find: () => firstOf(["/usr/lib/podman/aardvark-dns", "/usr/libexec/podman/aardvark-dns"]),
  },
  {
    name: "pasta",
    purpose: "networks of containers without root, which come later",
    package: "passt",
    unused: true,
  },
  { name: "fsck.erofs", purpose: forTests, package: "erofs-utils", unused: true },
  { name: "skopeo", purpose: forTests, package: "skopeo", unused: true },
  { name: "umoci", purpose: forTests, package: "umoci", unused: true },
  { name: "zstd", purpose: forTests, package: "zstd", unused: true },
];

/** How programs and files of the machine are looked for. */
export interface Search {
  readonly program: (name: string) => string | undefined;
  readonly other: (find: () => string | undefined) => string | undefined;
}

const thisMachine: Search = { program: findProgram, other: (find) => find() };

/** The store's folder, and why the store cannot be opened where it cannot. */
export interface ExaminedStore {
  readonly root: string;
  readonly problem?: StrakeError;
}

/** Looks at the machine. Changes nothing. */
export async function examine(store: ExaminedStore, search = thisMachine): Promise<DoctorReport> {
  const tools = probeTools(search.program);
  const findings: Finding[] = [rights(), dataRoot(store), snapshotters(nearestFolder(store.root))];
  const packages = new Set<string>();
  for (const probe of tools.probes) {
    const from = probe.package;
    if (probe.path) findings.push({ name: probe.name, verdict: "ok", detail: probe.path, package: from });
    else if (probe.ok)
      findings.push({ name: probe.name, verdict: "unused", detail: absent(probe.purpose), package: from });
    else {
      packages.add(from);
      const verdict = probe.required ? "missing" : "less";
      findings.push({
        name: probe.name,
        verdict,
        detail: absent(probe.purpose),
        package: from,
        fix: install(from),
      });
    }
  }
  for (const { name, purpose, package: from, unused, find } of programs) {
    const path = find ? search.other(find) : search.program(name);
    if (path !== undefined) findings.push({ name, verdict: "ok", detail: path, package: from });
    else {
      if (!unused) packages.add(from);
      const verdict = unused ? "unused" : "less";
      findings.push({ name, verdict, detail: absent(purpose), package: from, fix: install(from) });
    }
  }
  findings.push({ name: "cgroup", verdict: "ok", detail: tools.cgroup });
  findings.push(
    tools.bridgeObstacle === undefined
      ? { name: "bridge network", verdict: "ok", detail: "available" }
      : {
          name: "bridge network",
          verdict: "less",
          detail: tools.bridgeObstacle,
          // Without rights there are no containers with another network either.
          ...(missingRight() === undefined && { fix: "use --network host" }),
        },
  );
  return {
    findings,
    ok: findings.every(({ verdict }) => verdict !== "missing"),
    ...(packages.size > 0 ? { install: install(...packages) } : {}),
  };
}

const absent = (purpose: string) => `not installed: ${purpose}`;

const install = (...packages: string[]) => `apt-get install -y --no-install-recommends ${packages.join(" ")}`;

function rights(): Finding {
  const missing = missingRight();
  if (missing === undefined) return { name: "rights", verdict: "ok", detail: "root" };
  const what = process.getuid?.() === 0 ? missing : "not root";
  return {
    name: "rights",
    verdict: "missing",
    detail: `${what}: RUN and containers need mounts and namespaces (images, COPY, load and save do not)`,
    fix: remedyForRights(),
  };
}

/** The folder itself, or the one it would be made in. */
function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

const lowSpace = 2 * 1024 ** 3;

function dataRoot({ root, problem }: ExaminedStore): Finding {
  if (problem !== undefined)
    return {
      name: "data root",
      verdict: "missing",
      detail: problem.message,
      fix: problem.hint ?? "set STRAKE_ROOT",
    };
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
