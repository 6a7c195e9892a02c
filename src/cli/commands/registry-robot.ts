import { administerRegistry } from "../../engine/index.ts";
import { StrakeError } from "../../errors/index.ts";
import { repositoryPattern, timeSpan } from "../../registry/server/index.ts";
import type { Cli } from "../cli.ts";
import type { FlagValues, Handler } from "../command.ts";
import type { registryRobotFlags } from "../spec/registry.ts";
import { printFacts, printList } from "../text/list.ts";
import { placeOf } from "./registry-place.ts";

type Opened = Awaited<ReturnType<typeof administerRegistry>>;
type RobotFlags = FlagValues<typeof registryRobotFlags>;

export const registryRobot: Handler<typeof registryRobotFlags> = async (cli, { args, flags }) => {
  const [word, name] = args;
  // As volumes, networks and images have it.
  const verb = word === "ls" ? "list" : word;
  if (verb !== "create" && verb !== "list" && verb !== "revoke")
    throw new StrakeError("USAGE", "strake registry robot takes create, list or revoke");
  if (verb !== "list" && (name === undefined || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)))
    throw new StrakeError("USAGE", `${verb} needs the robot's name`, {
      hint: "lowercase letters, digits and dashes, at most 63",
    });
  await using opened = await administerRegistry({ ...placeOf(cli, flags), env: cli.env });
  if (verb === "list") await list(cli, opened, flags);
  else if (verb === "create") await create(cli, opened, { name: name!, flags });
  else if (!(await opened.administration.revokeRobot(name!)))
    throw new StrakeError("REGISTRY_NOT_FOUND", `there is no robot ${name}`);
  else cli.print(`revoked ${name}: replicas know within 5 seconds\n`);
  return 0;
};

async function create(
  cli: Cli,
  { administration }: Opened,
  { name, flags }: { name: string; flags: RobotFlags },
) {
  const { repository: repositories, action: actions } = flags;
  if (repositories.length === 0 || actions.length === 0)
    throw new StrakeError("USAGE", "a robot without rights is of no use", {
      hint: "say --repository GLOB and --action pull",
    });
  const lifetime = Math.floor(timeSpan(flags.lifetime ?? "90d", "--lifetime") / 1000);
  if (lifetime === 0)
    throw new StrakeError("USAGE", "--lifetime: the robot would have ended before it began");
  for (const value of repositories) repositoryPattern({ value, path: "--repository" });
  const scopes = [{ repositories, actions: actions as ("pull" | "push" | "delete")[] }];
  const made = await administration.createRobot({ name, scopes, lifetime }).catch((error: unknown) => {
    if (!(error instanceof StrakeError && error.code === "OBJECT_CHANGED")) throw error;
    throw new StrakeError("USAGE", `there is a robot ${name} already`, {
      hint: `strake registry robot revoke ${name}`,
    });
  });
  await printFacts(cli, made, flags.format, () => {
    cli.note("the password is shown this once\n");
    return `username ${made.username}\npassword ${made.secret}\n`;
  });
}

async function list(cli: Cli, { administration }: Opened, { format }: RobotFlags) {
  const now = cli.now();
  await printList(cli, {
    rows: await administration.robots(),
    columns: [
      { head: "NAME", field: "Name", value: (robot) => robot.name },
      {
        head: "SCOPES",
        field: "Scopes",
        value: ({ scopes }) =>
          scopes
            .map(({ repositories, actions }) => `${repositories.join(",")}:${actions.join(",")}`)
            .join(" "),
      },
      {
        head: "EXPIRES",
        field: "Expires",
        value: ({ expiresAt }) => (expiresAt > now ? new Date(expiresAt).toISOString() : "expired"),
      },
      { head: "MADE BY", field: "MadeBy", value: ({ createdBy }) => createdBy ?? "-" },
    ],
    format,
  });
}
