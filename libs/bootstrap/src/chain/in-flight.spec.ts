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

describe('a request on whose connection nothing moves', () => {
  const MINUTE = 60_000;

  function started(now: () => number, upgrade?: boolean) {
    const inFlight = new InFlight(now);
    open.push(inFlight);
    const socket = {
      bytesRead: 100,
      bytesWritten: 0,
      destroyed: false,
      destroy() {
        this.destroyed = true;
      },
    };
    let cancelled = false;
    const cancel = () => {
      cancelled = true;
    };
    const request = { socket, upgrade };
    const deadline = Number.MAX_SAFE_INTEGER;
    inFlight.add({ place: -1, request, response: {}, deadline, cancel } as unknown as Exchange);
    return { inFlight, socket, ended: () => [socket.destroyed, cancelled] };
  }

  test('ends with it after two minutes, counted from the last byte', () => {
    let now = 1_000_000;
    const { inFlight, socket, ended } = started(() => now);
    const look = () => {
      inFlight.sweep();
      return ended();
    };
    expect(look()).toEqual([false, false]);
    now += MINUTE;
    socket.bytesWritten += 1;
    expect(look()).toEqual([false, false]);
    now += 2 * MINUTE - 1;
    expect(look()).toEqual([false, false]);
    now += 10_000;
    expect(look()).toEqual([true, true]);
  });

  test('stays where another protocol is spoken', () => {
    let now = 0;
    const { inFlight, ended } = started(() => now, true);
    for (let i = 0; i < 20; i++) {
      now += MINUTE;
      inFlight.sweep();
    }
    expect(ended()).toEqual([false, false]);
  });
});
