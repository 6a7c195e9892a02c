import { bootId, isProcessAlive, processStartTime } from "../../sys/index.ts";

/** What no other process ever has. Start time in clock ticks after the boot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime?: number;
  readonly bootId: string;
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: processStartTime(pid), bootId: bootId() };
}

/** Whether that very process still runs. */
export function isThere(process: ProcessIdentity | undefined): boolean {
  if (process === undefined || process.bootId !== bootId()) return false;
  return isProcessAlive(process.pid, process.startTime);
}
