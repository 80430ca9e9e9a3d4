import { afterEach, describe, expect, test } from '@jest/globals';
import type { Exchange } from '@nexus/http';
import fc from 'fast-check';
import { InFlight } from './in-flight.js';

const open: InFlight[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

function counted(): InFlight {
  const made = new InFlight();
  open.push(made);
  return made;
}

const exchange = (service: string) => ({ place: -1, route: { service } }) as unknown as Exchange;

describe('the requests being served', () => {
  test('are those that came and have not gone, whatever the order, and however often one goes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.boolean()), { maxLength: 100 }), (actions) => {
        const inFlight = counted();
        const known = Array.from({ length: 10 }, (_, i) => exchange(`s${i}`));
        const here = new Set<number>();
        for (const [i, comes] of actions) {
          if (comes && !here.has(i)) {
            inFlight.add(known[i] as Exchange);
            here.add(i);
          } else if (!comes) {
            inFlight.remove(known[i] as Exchange);
            here.delete(i);
          }
          expect(inFlight.size).toBe(here.size);
          expect([...inFlight.byService().keys()].sort()).toEqual([...here].map((n) => `s${n}`).sort());
        }
      }),
    );
  });
});
