import { StrakeError } from "../../errors/index.ts";
import { quote } from "../../tar/index.ts";
import type { Tree } from "./tree.ts";

/** The user a process runs as. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /**
   * Supplementary groups, the primary one first: left out of the list, it could be used to escape a mode that denies it
   * (CVE-2022-36109).
   */
  readonly groups: readonly number[];
  /** Name and home from the accounts file; undefined and `/` for an id it does not know. */
  readonly name: string | undefined;
  readonly home: string;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Largest id accepted, Docker's: one above 2^32 once wrapped around to root (CVE-2024-40635). */
const idMax = 2 ** 31 - 1;
/** An accounts file beyond this is an attack on whoever reads it (CVE-2024-9676), as is one line beyond the second. */
const fileLimit = 4 * 1024 * 1024;
const lineLimit = 64 * 1024;

/** The bytes of a file of the image or of a running container, undefined when there is no such regular file. */
export type ReadAccounts = (path: string) => Uint8Array | undefined;

interface PasswdLine {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupLine {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * The user of `USER` or `--user`: `name`, `uid`, `name:group`, `uid:gid` and their mixtures; "" is root. Names come from
 * the image's /etc/passwd and /etc/group, found inside the tree wherever symlinks lead. A number is always an id, even when an
 * account has that name (CVE-2016-3697). With a group given, the account's supplementary groups do not apply, as in Docker.
 *
 * Errors: `ACCOUNT_NOT_FOUND`, `ACCOUNT_INVALID`.
 */
export function resolveUser(tree: Tree, spec: string): User {
  return resolveUserIn(accountsOf(tree), spec);
}

/** As `resolveUser`, with the accounts files read by the caller, who keeps inside the image or container. */
export function resolveUserIn(read: ReadAccounts, spec: string): User {
  const { userPart, groupPart } = splitSpec(spec);
  const wantedUid = userPart === "" ? 0 : parseId(userPart, "user");
  const line = readPasswd(read).find((known) =>
    wantedUid === undefined ? known.name === userPart : known.uid === wantedUid,
  );
  const uid = line?.uid ?? wantedUid;
  if (uid === undefined)
    throw new StrakeError(
      "ACCOUNT_NOT_FOUND",
      `unable to find user ${quote(userPart)} in the image's /etc/passwd`,
      {
        hint: "create it in an earlier step (RUN useradd ...) or use a numeric id",
      },
    );
  const home = line?.home || "/";
  if (groupPart !== "") {
    const gid = resolveGroup(read, groupPart);
    return { uid, gid, groups: [gid], name: line?.name, home };
  }
  const gid = line?.gid ?? 0;
  const member = line ? readGroups(read).filter((group) => group.members.includes(line.name)) : [];
  return {
    uid,
    gid,
    groups: [...new Set([gid, ...member.map((group) => group.gid)])],
    name: line?.name,
    home,
  };
}

/**
 * The owner of `--chown=user[:group]` and of what WORKDIR makes: as `resolveUser`, but a number without a group is also the group (Dockerfile
 * reference, COPY --chown).
 */
export function resolveOwner(tree: Tree, spec: string): Owner {
  const { userPart, groupPart } = splitSpec(spec);
  const id = userPart === "" ? 0 : parseId(userPart, "user");
  if (id === undefined) {
    const { uid, gid } = resolveUser(tree, spec);
    return { uid, gid };
  }
  return { uid: id, gid: groupPart === "" ? id : resolveGroup(accountsOf(tree), groupPart) };
}

function resolveGroup(read: ReadAccounts, group: string): number {
  const wanted = parseId(group, "group");
  if (wanted !== undefined) return wanted;
  const line = readGroups(read).find((known) => known.name === group);
  if (line) return line.gid;
  throw new StrakeError(
    "ACCOUNT_NOT_FOUND",
    `unable to find group ${quote(group)} in the image's /etc/group`,
    {
      hint: "create it in an earlier step (RUN groupadd ...) or use a numeric id",
    },
  );
}

function splitSpec(spec: string): { userPart: string; groupPart: string } {
  const colon = spec.indexOf(":");
  if (colon < 0) return { userPart: spec, groupPart: "" };
  return { userPart: spec.slice(0, colon), groupPart: spec.slice(colon + 1) };
}

/** The number a text is, undefined for a name. A number that is no id is refused, not taken for a name. */
function parseId(text: string, what: string): number | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const id = Number(text);
  if (id >= 0 && id <= idMax) return id;
  throw new StrakeError("ACCOUNT_INVALID", `the ${what} id ${quote(text)} is not in the range 0 to ${idMax}`);
}

function readPasswd(read: ReadAccounts): PasswdLine[] {
  const accounts: PasswdLine[] = [];
  for (const [name, , uid, gid, , home] of readLines(read, "/etc/passwd")) {
    const ids = { uid: storedId(uid), gid: storedId(gid) };
    if (name && ids.uid !== undefined && ids.gid !== undefined)
      accounts.push({ name, uid: ids.uid, gid: ids.gid, home: home ?? "" });
  }
  return accounts;
}

function readGroups(read: ReadAccounts): GroupLine[] {
  const groups: GroupLine[] = [];
  for (const [name, , id, members] of readLines(read, "/etc/group")) {
    const gid = storedId(id);
    if (name && gid !== undefined) groups.push({ name, gid, members: (members ?? "").split(",") });
  }
  return groups;
}

/** A line whose ids are damaged is no account; taking them for 0 would make it root. */
function storedId(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= idMax ? id : undefined;
}

function accountsOf(tree: Tree): ReadAccounts {
  return (path) => {
    // What is no regular file (a device, a fifo) holds no accounts.
    const node = tree.lookup(path);
    if (node?.type !== "file") return undefined;
    if (node.size > fileLimit) throw tooLarge(path, node.size);
    return tree.readFile(node, { limit: fileLimit });
  };
}

function tooLarge(path: string, size: number): StrakeError {
  return new StrakeError("ACCOUNT_INVALID", `the image's ${path} is ${size} bytes, more than ${fileLimit}`);
}

/** The fields of each line. A missing file has none. */
function readLines(read: ReadAccounts, path: string): string[][] {
  const bytes = read(path);
  if (bytes === undefined) return [];
  if (bytes.length > fileLimit) throw tooLarge(path, bytes.length);
  const lines: string[][] = [];
  for (const line of new TextDecoder().decode(bytes).split("\n")) {
    if (line.length > lineLimit)
      throw new StrakeError("ACCOUNT_INVALID", `the image's ${path} has a line beyond 64 KiB`);
    const text = line.trim();
    if (text !== "" && !text.startsWith("#")) lines.push(text.split(":"));
  }
  return lines;
}
