import { expect, test } from "bun:test";
import { parseReference, withDefaultTag } from "../../oci/index.ts";
import { demandImage } from "./names-registry.ts";

const refused = (text: string) => {
  try {
    demandImage(withDefaultTag(parseReference(text)));
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
};

test.each(["localhost:5000", "127.0.0.1:5000", "registry.example", "registry.example:443", "ghcr.io"])(
  "%s is a registry",
  (text) => expect(refused(text)).toBe(`${text} names a registry, and no image of it`),
);

test.each([
  ...["debian", "debian:12", "python3.11", "node:18", "localhost:5000/app", "ghcr.io/a/b", "a.example:v1"],
  ...["docker.io/team/a.example", `a.example@sha256:${"0".repeat(64)}`],
])("%s is an image", (text) => expect(refused(text)).toBeUndefined());
