import { largeContext, type WeightLimits } from "./large-context.ts";

/** Files and bytes directly in one folder of a context, which is named by its path (`/` is the context itself), or those of one large file. */
export interface FolderWeight {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

/** Folders that tools fill and images hardly ever need from outside: repositories, dependencies, caches, results. */
const wellKnown = new Set([
  ...[".git", ".hg", ".svn", "node_modules", "bower_components", ".venv", "venv", "__pycache__", ".tox"],
  ...[".mypy_cache", ".pytest_cache", ".gradle", ".m2", ".cache", ".next", ".nuxt", ".terraform", ".idea"],
  ...["target", "dist", "build", "out", "coverage", "tmp"],
]);

interface Group {
  /** Where it is; several for a name that comes in several places. */
  readonly places: Set<string>;
  readonly name: string;
  readonly isKnown: boolean;
  files: number;
  bytes: number;
}

export interface WarningOptions {
  readonly limits?: WeightLimits;
  /** Name of the ignore file there is. */
  readonly ignoreFile?: string | undefined;
}

/**
 * What to say about a context that is large, with its largest folders and the lines for the ignore file that leave them out. Undefined for all
 * others. Pure.
 */
export function contextWarning(
  folders: Iterable<FolderWeight>,
  { limits = largeContext, ignoreFile = ".dockerignore" }: WarningOptions = {},
): string | undefined {
  const groups = new Map<string, Group>();
  const all = { files: 0, bytes: 0 };
  for (const { path, files, bytes } of folders) {
    all.files += files;
    all.bytes += bytes;
    const names = path.split("/").slice(1);
    if (names[0] === "") continue;
    const at = names.findIndex((name) => wellKnown.has(name));
    const place = names.slice(0, Math.max(at, 0) + 1).join("/");
    const key = at < 0 ? place : `**/${names[at]}`;
    let group = groups.get(key);
    if (!group) {
      group = { places: new Set(), name: key, isKnown: at >= 0, files: 0, bytes: 0 };
      groups.set(key, group);
    }
    group.places.add(place);
    group.files += files;
    group.bytes += bytes;
  }
  if (all.files <= limits.files && all.bytes <= limits.bytes) return undefined;
  const share = (group: Group) => Math.max(group.files / limits.files, group.bytes / limits.bytes);
  const largest = [...groups.values()]
    .filter((group) => share(group) >= 0.05)
    .sort((a, b) => share(b) - share(a))
    .slice(0, 3);
  const size = `the build context has ${amount(all)}`;
  if (largest.length === 0) return `${size}; what the image does not need can be left out in ${ignoreFile}`;
  const told = largest.map((group) => `${pattern(group)} ${amount(group)}`).join("; ");
  const known = largest.filter(({ isKnown }) => isKnown);
  const lines = (known.length > 0 ? known : largest).map((group) => `'${pattern(group)}'`).join(" ");
  return `${size} (${told}); if the image does not need them: printf '%s\\n' ${lines} >> ${ignoreFile}`;
}

function pattern({ places, name }: Group): string {
  return places.size === 1 ? [...places][0]! : name;
}

function amount({ files, bytes }: { readonly files: number; readonly bytes: number }): string {
  const size = bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
  return `${files} file${files === 1 ? "" : "s"}, ${size}`;
}
