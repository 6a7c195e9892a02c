import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeStrake, type Outcome, type Strake } from "./strake.ts";

/** The program over a store with the image busybox:1, and a build context. */
export interface FaultShop extends Strake {
  readonly context: string;
  /** Builds a Dockerfile given as text. */
  build(dockerfile: string, ...flags: string[]): Promise<Outcome>;
  /** `gc --verify`: its exit code and what it found wrong. */
  verify(): Promise<{ code: number; problems: string[] }>;
  /** Names of layers, blobs and scratch folders in the store. */
  stored(): string[];
}

export async function makeFaultShop(): Promise<FaultShop> {
  const strake = makeStrake();
  const context = join(strake.home, "context");
  mkdirSync(context);
  writeFileSync(join(context, "a.txt"), "hello\n");
  await strake.ok("bootstrap", "busybox", "-t", "busybox:1");
  return {
    ...strake,
    context,
    build: (dockerfile, ...flags) =>
      strake.run(["build", "-f", "-", ...flags, context], { stdin: Buffer.from(dockerfile) }),
    async verify() {
      const { code, stdout, stderr } = await strake.run(["gc", "--verify", "--format", "json"]);
      if (stdout === "") throw new Error(stderr);
      const { problems } = JSON.parse(stdout) as { problems: { message: string }[] };
      return { code, problems: problems.map(({ message }) => message) };
    },
    stored: () =>
      ["layers", "blobs/sha256", "work", "containers"].flatMap((folder) =>
        readdirSync(join(strake.home, "root", folder)).map((name) => `${folder}/${name}`),
      ),
  };
}
