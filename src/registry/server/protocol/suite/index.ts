export { testRegistry } from "./run.ts";
