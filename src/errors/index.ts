export { type ArgumentKind, checkArgument, checkOptions, type OptionKinds } from "./arguments.ts";
export { type ErrorClass, type ErrorCode, errorClasses, errorCodes } from "./codes.ts";
export {
  isInterruption,
  type SourceExcerpt,
  type SourceRange,
  StrakeError,
  type StrakeErrorOptions,
  throwIfAborted,
  toStrakeError,
} from "./error.ts";
export { renderError, renderExcerpt } from "./render.ts";
export { didYouMean, nearby, nearest } from "./suggest.ts";
