import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { IdSort } from "./id-sort.ts";
import { heapMemory } from "./table-memory.ts";

describe("IdSort", () => {
  test("sorts as sort() does, whatever the number", () => {
    const sorter = new IdSort(heapMemory, (a, b) => a - b);
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { maxLength: 200 }), (numbers) => {
        const ids = Uint32Array.from(numbers);
        sorter.sort(ids);
        expect([...ids]).toEqual(numbers.sort((a, b) => a - b));
      }),
    );
  });

  test("leaves equals in their order", () => {
    const ids = Uint32Array.from({ length: 5000 }, (_, i) => i);
    new IdSort(heapMemory, (a, b) => (a % 7) - (b % 7)).sort(ids);
    for (let i = 1; i < ids.length; i++) {
      const [before, here] = [ids[i - 1]!, ids[i]!];
      expect(before % 7 < here % 7 || (before % 7 === here % 7 && before < here)).toBe(true);
    }
  });

  test("touches nothing outside of the part it is given, and takes a longer one after a shorter one", () => {
    const all = Uint32Array.from({ length: 9000 }, (_, i) => 9000 - i);
    const sorter = new IdSort(heapMemory, (a, b) => a - b);
    sorter.sort(all.subarray(10, 20));
    sorter.sort(all.subarray(20, 8990));
    expect(all[9]).toBe(8991);
    expect([...all.subarray(10, 13)]).toEqual([8981, 8982, 8983]);
    expect([all[20], all[8989]]).toEqual([11, 8980]);
    expect(all[8990]).toBe(10);
  });
});
