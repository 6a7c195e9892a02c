import { existsSync } from "node:fs";
import { openContainerHome } from "./container-home.ts";

// The cleanup command of monitors in tests: HOME ID.
const [home, id] = process.argv.slice(2);
if (existsSync(home!)) {
  const opened = openContainerHome(home!);
  await opened.containers.cleanup(id!);
  opened.close();
}
