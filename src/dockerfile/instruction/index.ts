export { readInstruction } from "./read.ts";
