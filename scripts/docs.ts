/** Writes the pages that are made from the code: docs/cli.md and docs/errors.md. Tests compare them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cliReference, errorReference, specs } from "../src/cli/index.ts";

const docs = join(import.meta.dir, "..", "docs");
writeFileSync(join(docs, "cli.md"), cliReference(specs));
writeFileSync(join(docs, "errors.md"), errorReference());
