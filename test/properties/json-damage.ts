/** JSON documents with something wrong in them. */
import fc from 'fast-check';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const hostileValue: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json[]>(0, -1, 1, 30, 31, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, 0.5),
  fc.integer(),
  fc.constantFrom<Json[]>(null, true, '', '12', '__proto__', [], {}, [[]], { length: -1 }),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
);

const damage = fc.array(
  fc.record({ turns: fc.array(fc.nat(), { minLength: 1, maxLength: 6 }), value: hostileValue, remove: fc.nat(5) }),
  { minLength: 1, maxLength: 3 },
);

/** The document with one to three of its values replaced or taken away. */
export function damaged(document: unknown): fc.Arbitrary<Json> {
  return damage.map((places) => {
    const copy = structuredClone(document) as Json;
    for (const { turns, value, remove } of places) {
      let node: Json = copy;
      for (const [depth, turn] of turns.entries()) {
        const keys: string[] = Object.keys(node as object);
        if (keys.length === 0) break;
        const key = keys[turn % keys.length]!;
        const parent = node as { [key: string]: Json };
        const child: Json = parent[key]!;
        if (depth + 1 < turns.length && child !== null && typeof child === 'object') {
          node = child;
          continue;
        }
        if (remove === 0) delete parent[key];
        else parent[key] = structuredClone(value); // one that is already part of the document would close a circle
        break;
      }
    }
    return copy;
  });
}
