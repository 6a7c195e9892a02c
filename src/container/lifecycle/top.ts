import { readdirSync, readlinkSync } from "node:fs";
import { run } from "../runtime/command.ts";
import { refresh } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";
import { wrongState } from "./state.ts";

/** The processes of a running container as `ps` of the host shows them: a line of titles, then one for each. */
export async function topContainer(
  services: ContainerServices,
  id: string,
  psArgs: readonly string[] = ["-ef"],
): Promise<{ titles: string[]; processes: string[][] }> {
  const { state, name } = refresh(services, id);
  if (state.status !== "running") throw wrongState(state, "listed", name);
  const own = new Set(processesOf(state.pid).map(String));
  const { stdout } = await run(["ps", ...psArgs]);
  const [head = "", ...lines] = stdout.trimEnd().split("\n");
  const titles = head.trim().split(/\s+/);
  const pidColumn = titles.indexOf("PID");
  const rows = lines.map((line) => {
    const fields = line.trim().split(/\s+/);
    return [...fields.slice(0, titles.length - 1), fields.slice(titles.length - 1).join(" ")];
  });
  return { titles, processes: rows.filter((row) => own.has(row[pidColumn] ?? "")) };
}

/** All processes in the pid namespace of one. */
function processesOf(pid: number): number[] {
  const namespaceOf = (name: string | number) => {
    try {
      return readlinkSync(`/proc/${name}/ns/pid`);
    } catch {
      return undefined;
    }
  };
  const wanted = namespaceOf(pid);
  if (wanted === undefined) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && namespaceOf(name) === wanted)
    .map(Number);
}
