import { describe, expect, test } from "bun:test";
import { contextWarning, type FolderWeight } from "./weight.ts";

const folder = (path: string, files: number, megabytes: number): FolderWeight => ({
  path,
  files,
  bytes: megabytes * 1e6,
});

describe("contextWarning", () => {
  test("names the largest folders and the lines that leave them out", () => {
    const warning = contextWarning([
      folder("/", 4, 1),
      folder("/src", 300, 2),
      folder("/node_modules", 0, 0),
      folder("/node_modules/a", 80_000, 600),
      folder("/node_modules/a/node_modules/b", 40_000, 300),
      folder("/.git/objects/00", 9000, 400),
    ]);
    expect(warning).toBe(
      "the build context has 129304 files, 1.3 GB (node_modules 120000 files, 900 MB; .git 9000 files, 400 MB); " +
        "if the image does not need them: printf '%s\\n' 'node_modules' '.git' >> .dockerignore",
    );
  });

  test("a name in several places is one pattern; folders of the project are named, but only those that tools fill are lines", () => {
    const folders = [
      folder("/a/node_modules/x", 1, 400),
      folder("/b/node_modules/y", 1, 400),
      folder("/videos/old", 1, 900),
    ];
    const warning = contextWarning(folders, { ignoreFile: "app.dockerignore" });
    expect(warning).toContain("(videos 1 file, 900 MB; **/node_modules 2 files, 800 MB)");
    expect(warning).toEndWith("printf '%s\\n' '**/node_modules' >> app.dockerignore");
    expect(contextWarning([folder("/videos", 1, 1200)])).toEndWith("'videos' >> .dockerignore");
  });

  test("one large file beside the Dockerfile", () => {
    expect(contextWarning([folder("/", 2, 0), folder("/disk.img", 1, 2000), folder("/src", 9, 1)])).toBe(
      "the build context has 12 files, 2.0 GB (disk.img 1 file, 2.0 GB); if the image does not need them: printf '%s\\n' 'disk.img' >> .dockerignore",
    );
  });

  test("says nothing of usual ones", () => {
    expect(
      contextWarning([folder("/node_modules/a", 20_000, 92), folder("/.git", 900, 900)]),
    ).toBeUndefined();
  });
});
