import { expect, test } from "bun:test";
import { StrakeError } from "../../errors/index.ts";
import { Registry } from "./index.ts";
import { openAdministration } from "./parts.ts";
import { MemoryStore } from "./storage/memory.ts";

const text = (value: object) => new TextEncoder().encode(JSON.stringify(value));

test("a storage that a newer program has written is served and worked on by none of ours", async () => {
  const storage = new MemoryStore();
  await storage.put("format", text({ version: 2 }));
  const refused = {
    code: "REGISTRY_STORAGE",
    message: expect.stringContaining("the format 2"),
    hint: expect.stringContaining("newer strake"),
  };
  await expect(Registry.start({ storage })).rejects.toMatchObject(refused);
  await expect(openAdministration({ storage })).rejects.toMatchObject(refused);
});

test("one from before there were formats is of the first, and so is one that takes no writes", async () => {
  const storage = new MemoryStore();
  const put = storage.put.bind(storage);
  storage.put = () => Promise.reject(new StrakeError("REGISTRY_STORAGE", "read-only file system"));
  storage[Symbol.asyncDispose] = async () => {};
  for (const version of [undefined, 1, 1]) {
    await using registry = await Registry.start({ storage });
    expect((await fetch(`${registry.url}v2/`)).status).toBe(200);
    storage.put = put;
    const found = await storage.read("format", 100);
    expect(found && JSON.parse(new TextDecoder().decode(found.bytes))).toEqual(version && { version });
  }
});
