export type {
  Emit,
  ImageNamed,
  StepDone,
  StepLog,
  StepProgress,
  StepStarted,
  StrakeEvent,
  Warning,
} from "./event.ts";
export { emitNothing } from "./event.ts";
