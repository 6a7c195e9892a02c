import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("rootless.test-support.ts", import.meta.url));
const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

function runs(command: readonly string[]): boolean {
  try {
    return Bun.spawnSync([...command]).exitCode === 0;
  } catch {
    return false;
  }
}

const asNobody = runs([...nobody, "test", "-r", program, "-a", "-x", process.execPath]);
if (!asNobody)
  console.log("skipped: a plain user's root file system: needs root, setpriv and a checkout others can read");
const inNamespace = runs(["unshare", "-Urm", "test", "-r", program]);
if (!inNamespace)
  console.log("skipped: root file systems in a user namespace: unshare -Urm does not work here");

async function run(prefix: readonly string[]) {
  const child = Bun.spawn([...prefix, process.execPath, program], { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect(err).toBe("");
  return JSON.parse(out) as {
    snapshotter: string;
    seen: string[];
    owners: Record<string, string>;
    left: string[];
  };
}

const seen = ["/dev", "/etc", "/etc/removed", "/opaque", "/opaque/new"];

test.skipIf(!asNobody)(
  "a plain user gets a copy; devices left out are not taken for removed, owners are the image's",
  async () => {
    expect(await run(nobody)).toEqual({
      snapshotter: "copy",
      seen,
      owners: {
        "etc/": "5:0",
        "etc/.wh.removed": "0:0",
        "opaque/": "0:0",
        "opaque/.wh.new": "0:0",
        "opaque/fresh": "0:0",
        written: "0:0",
      },
      left: [],
    });
  },
);

test.skipIf(!inNamespace)(
  "root of a user namespace with one id gets an overlay with marks in user.*",
  async () => {
    expect(await run(["unshare", "-Urm"])).toEqual({
      snapshotter: "overlay",
      seen,
      owners: {
        "etc/": "0:0",
        "etc/.wh.removed": "0:0",
        "opaque/": "0:0",
        "opaque/.wh..wh..opq": "0:0",
        "opaque/fresh": "0:0",
        written: "0:0",
      },
      left: [],
    });
  },
);
