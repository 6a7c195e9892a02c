/**
 * What `import … from "strake"` gets on plain node: a module that says what to do. It has the names of the real one, since an import of a name that
 * is not there fails before anything runs. On Bun it is the real one, for programs that find modules by node's rules there (vitest).
 */
import packageJson from "../package.json";

const names = Object.keys(await import("../src/index.ts"));
const portable = Object.keys(packageJson.exports)
  .filter((path) => path !== ".")
  .map((path) => path.replace(".", "strake"));

console.log(`import { StrakeError as Refusal } from "./errors/index.js";
if (globalThis.Bun === undefined)
  throw new Refusal(
    "NEEDS_BUN",
    "strake runs on Bun, and this is node " + process.versions.node + ": run the program with Bun (npm install bun; npx bun FILE). " +
      "On node there are ${portable.join(", ")}.",
  );
export const { ${names.join(", ")} } = import.meta.require("../../src/index.ts");`);
