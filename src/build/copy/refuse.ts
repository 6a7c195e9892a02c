import { StrakeError } from "../../errors/index.ts";

/** A file would take the place of a directory of the image. */
export function refuseFile(path: string, from: string): StrakeError {
  return new StrakeError("BUILD_COPY_DEST", `${path} in the image is a directory, ${from} is not`, {
    hint: `copy to ${path}/ to put it inside`,
  });
}

/** A directory would take the place of something else in the image. */
export function refuseDirectory(path: string, from: string, kind: "symlink" | "other"): StrakeError {
  return new StrakeError(
    "BUILD_COPY_DEST",
    `${path} in the image is a ${kind === "symlink" ? "symbolic link" : "file"}, ${from} is a directory`,
    {
      hint: kind === "symlink" ? `copy to where ${path} leads instead` : `remove ${path} in a RUN before`,
    },
  );
}
