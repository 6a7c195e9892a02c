import { runCommandLine } from "./run.ts";

process.exitCode = await runCommandLine(process.argv.slice(2));
// Handles that outlive the command (a stdin that was read, a watcher) must not hold the process.
process.exit();
