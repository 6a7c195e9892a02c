import { testObjectStore } from "./conformance.ts";
import { MemoryStore } from "./memory.ts";

testObjectStore("memory", { open: async () => new MemoryStore() });
