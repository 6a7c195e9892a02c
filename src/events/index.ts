export type {
  BlobSum,
  Emit,
  ImageNamed,
  SkipReason,
  StepDone,
  StepLog,
  StepProgress,
  StepStarted,
  StrakeEvent,
  TransferDone,
  Warning,
} from "./event.ts";
export { emitNothing } from "./event.ts";
export { rate, withTotals } from "./transfer.ts";
