import { lockContainer } from "./lock.ts";
import { observe } from "./refresh.ts";
import type { ContainerServices } from "./services.ts";
import { removing, wrongState } from "./state.ts";
import { killAndWait } from "./stop.ts";
import { removeRecord, teardown } from "./teardown.ts";

export interface RemoveOptions {
  /** Kill it first when it runs. */
  readonly force?: boolean;
  /** Its anonymous volumes too. */
  readonly volumes?: boolean;
}

/** Removes a container. A kill -9 in the middle leaves it `removing`; the next command ends the work. Errors: CONTAINER_STATE. */
export async function removeContainer(
  services: ContainerServices,
  id: string,
  options: RemoveOptions = {},
): Promise<void> {
  using _lock = await lockContainer(services, id);
  const stored = services.records.get(id);
  if (stored === undefined) return;
  let record = observe(services, stored);
  if (record.state.status === "running") {
    if (!options.force) throw wrongState(record.state, "removed", record.name);
    await killAndWait(services, record);
    record = observe(services, record);
  }
  services.records.update(id, (now) => ({ ...now, state: removing(now.state, Date.now()) }));
  await teardown(services, record.id, record);
  removeRecord(services, record, { volumes: options.volumes === true || record.autoRemove });
}
