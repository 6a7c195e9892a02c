import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "../support/strake.ts";
import { findClient, kinds, user, useShop } from "./shop.ts";

const oras = findClient("oras")!;

describe.skipIf(!oras)("oras", () => {
  const shop = useShop();

  test.each([...kinds])("artifacts, attachments, blobs, tags and copies: %s", async (kind) => {
    const { host, guarded, digest, tags } = shop.counters[kind];
    const { image } = shop;
    const own = `${host}/oras/app`;
    // Only of `localhost` it believes that it has no TLS.
    const plain = ["--plain-http"];
    const run = (...args: string[]) => shop.run([oras, ...args, ...plain]);
    const copy = (...args: string[]) =>
      shop.run([oras, "cp", "--no-tty", "--from-plain-http", "--to-plain-http", ...args]);
    if (guarded) {
      await expect(run("repo", "tags", `${host}/source/app`)).rejects.toThrow(
        /unauthorized|credential not found/i,
      );
      await expect(
        shop.run([oras, "login", ...plain, host, "-u", user.name, "--password-stdin"], { stdin: "wrong" }),
      ).rejects.toThrow(/401|unauthorized/i);
      await shop.run([oras, "login", ...plain, host, "-u", user.name, "--password-stdin"], {
        stdin: user.password,
      });
    }
    await copy(`${host}/source/app:1`, `${own}:1`);
    expect(await run("resolve", `${own}:1`)).toBe(image.digest);
    await run("tag", `${own}:1`, "2", "3");
    expect((await run("repo", "tags", own)).split("\n")).toEqual(["1", "2", "3"]);
    expect((await run("repo", "ls", host)).split("\n")).toEqual(["oras/app", "source/app"]);

    const files = join(shop.folder, `files-${kind}`);
    mkdirSync(join(files, "folder"), { recursive: true });
    writeFileSync(join(files, "note.txt"), "a note");
    writeFileSync(join(files, "folder", "deep.txt"), "deep");
    const at = (folder: string, ...words: string[]) =>
      shop.run(["env", "-C", folder, oras, ...words, ...plain]);
    await at(
      files,
      "push",
      "--no-tty",
      "--artifact-type",
      "text/x-note",
      `${own}:files`,
      "note.txt",
      "folder",
    );
    const fetched = join(shop.folder, `fetched-${kind}`);
    mkdirSync(fetched);
    await at(fetched, "pull", "--no-tty", `${own}:files`);
    expect(readFileSync(join(fetched, "folder", "deep.txt"), "utf8")).toBe("deep");
    if (!guarded) {
      // And what is pushed by one is pulled by the other.
      const ours = join(shop.folder, `ours-${kind}`);
      mkdirSync(ours);
      await shop.run([...program, "artifact", "pull", `${own}:files`, "-o", ours]);
      expect(readFileSync(join(ours, "note.txt"), "utf8")).toBe("a note");
      await shop.run(["env", "-C", files, ...program, "artifact", "push", `${own}:ours`, "note.txt"]);
      await at(ours, "pull", "--no-tty", "-o", "again", `${own}:ours`);
      expect(readFileSync(join(ours, "again", "note.txt"), "utf8")).toBe("a note");
    }

    await at(files, "attach", "--no-tty", "--artifact-type", "text/x-review", `${own}:1`, "note.txt");
    for (const api of ["v1.1-referrers-api", "v1.1-referrers-tag"]) {
      const words = ["discover", "--distribution-spec", api, "--format", "json", `${own}:1`];
      const { manifests } = JSON.parse(await run(...words));
      // It was attached through the API, which leaves nothing under the tag of the fallback.
      if (api === "v1.1-referrers-api") expect(manifests).toMatchObject([{ artifactType: "text/x-review" }]);
      else expect(manifests ?? []).toEqual([]);
    }
    expect(await tags("oras/app")).not.toContain(image.digest.replace(":", "-"));
    await copy("--recursive", `${own}:1`, `${host}/oras/copy:1`);
    expect(await run("discover", "--format", "tree", `${host}/oras/copy:1`)).toContain("text/x-review");

    const blob = join(files, "note.txt");
    await run("blob", "push", "--no-tty", own, blob);
    const note = `sha256:${new Bun.CryptoHasher("sha256").update("a note").digest("hex")}`;
    expect(await run("blob", "fetch", "--output", "-", `${own}@${note}`)).toBe("a note");
    await run("blob", "delete", "--force", `${own}@${note}`);
    await expect(run("blob", "fetch", "--descriptor", `${own}@${note}`)).rejects.toThrow(/not found/i);
    await run("manifest", "delete", "--force", `${own}@${image.digest}`);
    expect(await digest("oras/app", image.digest)).toBeUndefined();
  });
});
