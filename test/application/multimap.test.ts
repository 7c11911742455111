import { expect } from "chai";
import fc from "fast-check";
import { Multimap } from "../../src/application/multimap.js";

describe("Multimap", () => {
  it("has the values that were added and not deleted, each once", () => {
    const values = Array.from({ length: 3 }, () => ({}));
    const step = fc.record({
      isAddition: fc.boolean(),
      key: fc.nat(5),
      value: fc.constantFrom(...values),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const map = new Multimap<number, object>((key) => key % 2);
        const model = Array.from({ length: 6 }, () => new Set<object>());
        for (const { isAddition, key, value } of steps) {
          if (isAddition) map.add(key, value);
          else map.delete(key, value);
          if (isAddition) model[key]!.add(value);
          else model[key]!.delete(value);
        }
        for (const [key, expected] of model.entries()) {
          expect([...map.get(key)]).to.have.members([...expected]);
          for (const value of values) expect(map.has(key, value)).to.equal(expected.has(value));
        }
        const all = model.flatMap((expected) => [...expected]);
        expect(map.values()).to.have.lengthOf(all.length).and.have.members(all);
        expect(map.isEmpty).to.equal(all.length === 0);
      }),
    );
  });
});
