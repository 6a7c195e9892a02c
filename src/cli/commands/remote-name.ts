import { StrakeError } from "../../errors/index.ts";

/** Places that are no registry; `oci:5000/app` is one. */
const elsewhere = /^(?:(?:oci|docker)-archive|(?:oci|strake)(?=:.*[:/])):(?!\d+\/)/s;

/** The reference in what users of podman and skopeo write, `docker://` before it. Errors: USAGE for an image that is not at a registry. */
export function remoteName(text: string): string {
  if (elsewhere.test(text))
    throw new StrakeError("USAGE", `${text} is not at a registry`, {
      hint: `copy takes it: strake copy ${text} TARGET, where strake:NAME is an image of the store`,
    });
  return text.replace(/^docker:\/\//, "");
}
