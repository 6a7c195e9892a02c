import { expect, test } from "bun:test";
import { join } from "node:path";

test("a question to the machine's own services goes through no proxy", async () => {
  const seen: string[] = [];
  const answer = (name: string) => () => {
    seen.push(name);
    return new Response(name);
  };
  using proxy = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer("proxy") });
  using service = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer("service") });
  const url = JSON.stringify(service.url.href);
  const code = `
    import { ask } from ${JSON.stringify(join(import.meta.dir, "ask.ts"))};
    await ask(new URL(${url}), { within: 5000, attempts: 1 });
    await fetch(${url});`;
  const address = proxy.url.href;
  const env = { ...process.env, HTTP_PROXY: address, http_proxy: address, NO_PROXY: "", no_proxy: "" };
  const child = Bun.spawn([process.execPath, "-e", code], { env, stderr: "inherit" });
  expect(await child.exited).toBe(0);
  expect(seen).toEqual(["service", "proxy"]);
});
