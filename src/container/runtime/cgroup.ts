/** How the host mounts its control groups. */
export interface CgroupLayout {
  readonly mode: "v1" | "v2" | "hybrid" | "none";
  /** Mount points of cgroup2 trees beside v1 controllers. */
  readonly unified: readonly string[];
  /** Mount points of the trees that containers' groups are made in. */
  readonly trees: readonly string[];
}

/**
 * Reads the layout from the text of /proc/self/mountinfo (proc(5)): fields up to ` - ` are the mount, those after it
 * the file system. `hybrid` is a v2 tree next to v1 controllers.
 */
export function cgroupLayout(mountinfo: string): CgroupLayout {
  const v1: string[] = [];
  const v2: string[] = [];
  for (const line of mountinfo.split("\n")) {
    const separator = line.indexOf(" - ");
    if (separator < 0) continue;
    const point = unescapeMountPath(line.slice(0, separator).split(" ")[4] ?? "");
    const type = line.slice(separator + 3).split(" ")[0];
    if (!point.startsWith("/sys/fs/cgroup")) continue;
    if (type === "cgroup") v1.push(point);
    if (type === "cgroup2") v2.push(point);
  }
  if (v1.length > 0) return { mode: v2.length > 0 ? "hybrid" : "v1", unified: v2, trees: v1 };
  if (v2.includes("/sys/fs/cgroup")) return { mode: "v2", unified: [], trees: v2 };
  return { mode: "none", unified: [], trees: [] };
}

/** Space, tab, newline and backslash are written as three octal digits in mountinfo. */
export function unescapeMountPath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * The v2 trees crun 1.8 must not see: it refuses a host that has v1 controllers and a v2 tree with controllers of its
 * own. `controllersOf` gives the text of a tree's cgroup.controllers.
 */
export function treesToHide(layout: CgroupLayout, controllersOf: (mountPoint: string) => string): string[] {
  if (layout.mode !== "hybrid") return [];
  return layout.unified.filter((point) => controllersOf(point).trim() !== "");
}
