import type { CreateOptions } from "../../src/container/index.ts";
import { busyboxImage, openContainerHome } from "./container-home.ts";

// A client of its own process: HOME and the options of a container as JSON. Ends with the container's exit code.
const [home, options] = process.argv.slice(2);
const opened = openContainerHome(home!);
try {
  const record = opened.containers.create({
    image: busyboxImage,
    ...(JSON.parse(options!) as Partial<CreateOptions>),
  });
  const { exitCode } = await opened.containers.startInForeground(record.id);
  process.exitCode = exitCode;
} catch (error) {
  console.error(String(error));
  process.exitCode = (error as { exitCode?: number }).exitCode ?? 1;
}
opened.close();
process.exit();
