import { expect, test } from "bun:test";
import { Authority } from "../../../test/support/certificates.ts";
import { Registry } from "./server.ts";

const openssl = Bun.which("openssl");
if (!openssl) console.log("skipped: client certificates are not tested without openssl");

test.skipIf(!openssl)("who has no certificate of the client authority is not served", async () => {
  using servers = new Authority("servers");
  using clients = new Authority("clients");
  using others = new Authority("others");
  const server = servers.sign("IP:127.0.0.1");
  const [known, stranger, ended] = [
    clients.sign("DNS:ann"),
    others.sign("DNS:ann"),
    clients.sign("DNS:ann", -1),
  ];
  // Whoever has a certificate has been asked who they are: other machines may be served.
  const tls = { ...server, clientCA: clients.cert };
  await using registry = await Registry.start({ hostname: "0.0.0.0", tls });
  const ask = (own?: { cert: string; key: string }) =>
    fetch(`https://127.0.0.1:${registry.port}/v2/`, {
      keepalive: false,
      tls: { ca: servers.cert, ...own },
    }).then(
      ({ status }) => status,
      () => "cut off",
    );
  expect(await ask(known)).toBe(200);
  for (const own of [undefined, stranger, ended]) expect(await ask(own)).toBe("cut off");
  // Another authority takes its place while the registry serves; without one everybody comes in again, who may.
  await registry.reconfigure({ tls: { ...server, clientCA: others.cert } });
  expect([await ask(known), await ask(stranger)]).toEqual(["cut off", 200]);
  await expect(registry.reconfigure({ tls: server })).rejects.toMatchObject({ code: "REGISTRY_OPEN" });
  await expect(registry.reconfigure({ tls: { ...server, clientCA: server.key } })).rejects.toMatchObject({
    code: "REGISTRY_SERVER_CONFIG",
    message: expect.stringContaining("tls.clientCA"),
  });
});
