import { StrakeError } from "../../errors/index.ts";
import type { ContainerRecord } from "./record.ts";

/** Which containers `ps` shows: those that match, for every key given, at least one of its values. */
export interface ContainerFilter {
  readonly id?: readonly string[];
  readonly name?: readonly string[];
  readonly status?: readonly string[];
  /** `key` or `key=value`. */
  readonly label?: readonly string[];
  /** Reference or id of the image. */
  readonly ancestor?: readonly string[];
  readonly exited?: readonly string[];
  readonly volume?: readonly string[];
  readonly network?: readonly string[];
  readonly publish?: readonly string[];
  readonly before?: readonly string[];
  readonly since?: readonly string[];
}

const keys = "id name status label ancestor exited volume network publish before since".split(" ");

/** Docker's, also those that no container here is ever in. */
const statuses = "created restarting running removing paused exited dead".split(" ");

/** Reads `--filter key=value` options. Errors: CONTAINER_OPTIONS_INVALID. */
export function parseFilters(texts: readonly string[]): ContainerFilter {
  const filter: Record<string, string[]> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    const key = at < 0 ? text : text.slice(0, at);
    if (at < 0 || !keys.includes(key))
      throw new StrakeError("CONTAINER_OPTIONS_INVALID", `invalid filter "${text}"`, {
        hint: `Filters are key=value with one of the keys ${keys.join(", ")}.`,
      });
    const value = text.slice(at + 1);
    if (key === "status" && !statuses.includes(value))
      throw new StrakeError(
        "CONTAINER_OPTIONS_INVALID",
        `invalid filter "${text}": there is no such status`,
        {
          hint: `A container is one of ${statuses.join(", ")}.`,
        },
      );
    filter[key] ??= [];
    filter[key].push(value);
  }
  return filter;
}

/** The records that match, in their order. `all` is what `before` and `since` look names up in. Pure. */
export function filterContainers(
  all: readonly ContainerRecord[],
  filter: ContainerFilter,
): ContainerRecord[] {
  const createdAt = (reference: string) =>
    all.find((record) => record.name === reference || record.id.startsWith(reference))?.createdAt;
  const any = (values: readonly string[] | undefined, isMet: (value: string) => boolean) =>
    values === undefined || values.some(isMet);
  return all.filter(
    (record) =>
      any(filter.id, (value) => matches(record.id, value)) &&
      any(filter.name, (value) => matches(record.name, value) || matches(`/${record.name}`, value)) &&
      any(filter.status, (value) => record.state.status === value) &&
      // Labels narrow: every one given must be there.
      (filter.label ?? []).every((value) => hasLabel(record, value)) &&
      any(filter.ancestor, (value) => isAncestor(record, value)) &&
      any(
        filter.exited,
        (value) => record.state.status === "exited" && record.state.exitCode === Number(value),
      ) &&
      any(filter.volume, (value) => usesVolume(record, value)) &&
      any(filter.network, (value) => record.network === value) &&
      any(filter.publish, (value) => publishes(record, value)) &&
      any(filter.before, (value) => record.createdAt < (createdAt(value) ?? -Infinity)) &&
      any(filter.since, (value) => record.createdAt > (createdAt(value) ?? Infinity)),
  );
}

/** Docker takes names and ids as regular expressions: `^web$` is one container, `web` may be many. */
function matches(text: string, pattern: string): boolean {
  if (text === pattern) return true;
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}

function hasLabel(record: ContainerRecord, text: string): boolean {
  const at = text.indexOf("=");
  if (at < 0) return text in record.labels;
  return record.labels[text.slice(0, at)] === text.slice(at + 1);
}

function isAncestor(record: ContainerRecord, text: string): boolean {
  const { id, reference } = record.image;
  return (
    reference === text ||
    reference === `${text}:latest` ||
    id === text ||
    id.replace(/^sha256:/, "").startsWith(text)
  );
}

function usesVolume(record: ContainerRecord, text: string): boolean {
  return record.mounts.some(
    (mount) =>
      mount.destination === text ||
      (mount.type === "volume" && mount.name === text) ||
      (mount.type === "bind" && mount.source === text),
  );
}

function publishes(record: ContainerRecord, text: string): boolean {
  const [port, protocol = "tcp"] = text.split("/");
  return (record.endpoint?.ports ?? record.ports).some(
    (mapping) => mapping.protocol === protocol && mapping.hostPort === Number(port),
  );
}
