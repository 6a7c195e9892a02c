import { StrakeError } from "../../errors/index.ts";

/** Programs that unpack what neither Bun nor Node can. Why programs: docs/decisions/0011-xz-and-bzip2.md. */
const programs = {
  xz: {
    // 192 MiB: enough for `xz -9` (65 MiB) and its multithreaded kin, not for a header that asks for 4 GiB.
    args: ["--decompress", "--stdout", "--threads=1", "--memlimit-decompress=192MiB"],
    package: "xz-utils",
  },
  bzip2: { args: ["--decompress", "--stdout"], package: "bzip2" },
} as const;

/** Only the host's own folders, never PATH: it may be a build's or a container's (CVE-2014-9357, CVE-2019-14271). */
const folders = "/usr/bin:/bin:/usr/local/bin:/opt/homebrew/bin";

/**
 * Unpacks through the host's xz or bzip2. The program gets bytes on stdin and nothing else: no file name, an empty
 * environment (XZ_OPT could carry options), `/` as its folder. Its failure, early end or ours ends the other side too
 * (CVE-2021-20291: a bad xz layer left the writer waiting for ever).
 *
 * Errors: `COMPRESSION_PROGRAM_MISSING`, `COMPRESSION_INVALID`.
 */
export async function* runProgram(
  source: AsyncIterable<Uint8Array>,
  name: keyof typeof programs,
): AsyncGenerator<Uint8Array, void, undefined> {
  const path = Bun.which(name, { PATH: folders });
  if (!path)
    throw new StrakeError(
      "COMPRESSION_PROGRAM_MISSING",
      `${name} is needed to unpack this and is not installed`,
      {
        hint: `install the package ${programs[name].package} (apt-get install ${programs[name].package})`,
      },
    );
  const child = Bun.spawn([path, ...programs[name].args], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    cwd: "/",
    env: {},
  });
  const complaint = new Response(child.stderr).text();
  let failure: { error: unknown } | undefined;
  const feed = (async () => {
    try {
      for await (const chunk of source) {
        if (child.exitCode !== null || child.killed) return;
        child.stdin.write(chunk);
        await Promise.race([child.stdin.flush(), child.exited]);
      }
      await child.stdin.end();
    } catch (error) {
      // A broken pipe only says that the program has stopped; its exit code says why.
      if ((error as { code?: string }).code === "EPIPE") return;
      failure = { error };
      child.kill("SIGKILL");
    }
  })();
  try {
    for await (const chunk of child.stdout) yield chunk;
    const code = await child.exited;
    await feed;
    if (failure) throw failure.error;
    if (code !== 0)
      throw new StrakeError(
        "COMPRESSION_INVALID",
        `${name} cannot unpack this: ${oneLine(await complaint, path)}`,
      );
  } finally {
    if (child.exitCode === null) child.kill("SIGKILL");
    await child.exited;
    await feed;
  }
}

function oneLine(text: string, path: string): string {
  return (
    text.replaceAll(`${path}: `, "").replaceAll("(stdin): ", "").trim().split("\n")[0] || "it gave no reason"
  );
}
