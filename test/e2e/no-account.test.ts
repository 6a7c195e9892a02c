import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { htpasswdLine } from "../../src/registry/server/access/htpasswd.ts";
import { type OtherUser, otherUser, otherUserObstacle } from "../support/other-user.ts";
import { type ServedRegistry, serveRegistry } from "../support/serve-registry.ts";
import { makeStrake, type Strake } from "../support/strake.ts";

const obstacle = otherUserObstacle();
if (obstacle !== undefined) console.log(`skipped: a user without an account: ${obstacle}`);

/** As a pod runs that may have any user id (OpenShift): no line in /etc/passwd, and HOME not set or `/`. */
describe.skipIf(obstacle !== undefined)("a user id without an account", () => {
  let strake: Strake;
  let registry: ServedRegistry;
  let user: OtherUser;
  let context: string;
  beforeAll(async () => {
    strake = makeStrake();
    user = otherUser(strake, 1_000_660_000);
    context = join(strake.home, "context");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), "FROM scratch\nCOPY file /\n");
    writeFileSync(join(context, "file"), "x");
    const users = join(strake.home, "users");
    writeFileSync(users, `${await htpasswdLine({ name: "ann", password: "secret" }, 4)}\n`);
    registry = await serveRegistry(["--storage", "memory", "--listen", "127.0.0.1:0", "--htpasswd", users]);
  });
  afterAll(async () => {
    await registry?.kill();
    await strake?.remove();
  });

  for (const [what, home] of [
    ["no HOME", {}],
    ["an empty HOME", { HOME: "" }],
    ["HOME=/", { HOME: "/" }],
  ] as const) {
    test(`with ${what} is told what to set`, async () => {
      const images = await user.run(["images"], home);
      expect(images).toEqual({
        code: 1,
        stdout: "",
        stderr:
          "error: the data root /.local/share/strake cannot be made: permission denied\n" +
          "hint: set STRAKE_ROOT to a folder that you may write to, or run strake as root\n",
      });
      const doctor = await user.run(["doctor"], home);
      expect(doctor).toMatchObject({ code: 1, stderr: "" });
      expect(doctor.stdout).toContain(
        "MISSING  data root        the data root /.local/share/strake cannot be made: permission denied\n",
      );
      expect(doctor.stdout).toContain("MISSING  rights           not root");
      expect(doctor.stdout).not.toContain("use --network host");
      const login = await user.run(
        ["login", "-u", "ann", "--password-stdin", registry.host],
        home,
        "secret\n",
      );
      expect(login).toEqual({
        code: 1,
        stdout: "",
        stderr:
          "error: /.docker/config.json cannot be written\n" +
          "hint: set REGISTRY_AUTH_FILE to a file that can be\n",
      });
    });

    test(`with ${what} builds, logs in, pushes, reads and pulls once that is set`, async () => {
      const env = {
        ...home,
        STRAKE_ROOT: join(user.folder, "root"),
        REGISTRY_AUTH_FILE: join(user.folder, "auth"),
      };
      const ok = async (args: string[], stdin?: string) => {
        const { code, stdout, stderr } = await user.run(args, env, stdin);
        expect({ args, code, stderr: code === 0 ? "" : stderr }).toEqual({ args, code: 0, stderr: "" });
        return stdout;
      };
      const name = `${registry.host}/team/app:1`;
      await ok(["login", "-u", "ann", "--password-stdin", registry.host], "secret\n");
      const id = await ok(["build", "-q", "-t", name, context]);
      await ok(["push", "-q", name]);
      expect(await ok(["tags", `${registry.host}/team/app`])).toBe("1\n");
      const digest = await ok(["digest", name]);
      await ok(["copy", name, `${registry.host}/team/other:1`]);
      expect(await ok(["digest", `${registry.host}/team/other:1`])).toBe(digest);
      await ok(["rmi", name]);
      await ok(["pull", "-q", name]);
      expect(await ok(["images", "-q", "--no-trunc"])).toBe(id);
      writeFileSync(join(user.folder, "notes.txt"), "notes");
      await ok(["artifact", "push", "--progress", "quiet", `${registry.host}/team/notes:1`, "notes.txt"]);
      const there = await user.run(["artifact", "pull", `${registry.host}/team/notes:1`, "-o", context], env);
      expect(there.code).toBe(1);
      expect(there.stderr).toContain(`error: nothing can be written to ${context}: permission denied\n`);
      await ok(["logout", registry.host]);
      expect(await ok(["gc", "--verify"])).toContain("clean");
    });
  }
});
