import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { addressKey } from '@nexus/throttling';
import fc from 'fast-check';
import { ConnectionCaps } from './connection-caps.js';

/** A connection as far as the caps look at it. */
class Peer extends EventEmitter {
  answered: string | undefined;
  over = false;

  constructor(readonly remoteAddress: string | undefined) {
    super();
  }

  resume(): this {
    return this;
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.emit('close');
  }

  destroy(): this {
    this.close();
    return this;
  }

  resetAndDestroy(): this {
    return this.destroy();
  }
}

const PROXY = '10.0.0.1';

function guarded(total: number, perAddress: number) {
  const taken: Peer[] = [];
  const server = createServer();
  server.removeAllListeners('connection');
  server.on('connection', (socket) => taken.push(socket as unknown as Peer));
  const caps = new ConnectionCaps({
    total,
    perAddress,
    exempt: (address) => address === PROXY,
    refuse: (socket: Socket, error) => {
      (socket as unknown as Peer).answered = `${error.code} ${error.headers['retry-after']}`;
    },
  });
  caps.guard(server);
  const connect = (address: string | undefined) => {
    const peer = new Peer(address);
    server.emit('connection', peer as unknown as Socket);
    return peer;
  };
  return { caps, taken, connect };
}

describe('the caps on connections', () => {
  test('hold whoever comes and goes, in whatever order', () => {
    const addresses = ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::ffff:2', PROXY];
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...addresses), fc.nat(20)), { maxLength: 120 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (actions, total, perAddress) => {
          const { caps, taken, connect } = guarded(total, perAddress);
          const open: Peer[] = [];
          let refused = 0;
          for (const action of actions) {
            if (typeof action === 'number') {
              open.splice(action, 1)[0]?.close();
              continue;
            }
            const same = open.filter((peer) => addressKey(peer.remoteAddress) === addressKey(action)).length;
            const fits = open.length < total && (action === PROXY || same < perAddress);
            const peer = connect(action);
            expect(taken.includes(peer)).toBe(fits);
            if (fits) open.push(peer);
            else {
              refused += 1;
              expect(peer.answered).toBe('overloaded 1');
              peer.close();
            }
            expect(caps.open).toBe(open.length);
          }
          expect(caps.refused.total + caps.refused.address).toBe(refused);
        },
      ),
    );
  });

  test('count an IPv6 network of one subscriber as one address', () => {
    const { taken, connect } = guarded(100, 3);
    for (let n = 0; n < 10; n++) connect(`2001:db8:0:1::${n}`);
    for (let n = 0; n < 10; n++) connect(`2001:db8:0:2::${n}`);
    expect(taken).toHaveLength(6);
  });

  test('tell only so many at a time that they are refused, and close all others at once', () => {
    const { caps, connect } = guarded(1, 1);
    connect('192.0.2.1');
    const refused = Array.from({ length: 250 }, () => connect('192.0.2.2'));
    expect(refused.filter(({ answered }) => answered !== undefined)).toHaveLength(100);
    expect(refused.filter(({ over }) => over)).toHaveLength(150);
    // Those that leave make room for others.
    for (const peer of refused) peer.emit('end');
    expect(connect('192.0.2.2').answered).toBe('overloaded 1');
    expect(caps.refused).toEqual({ total: 251, address: 0 });
  });

  test('hold clients whose address is gone with them, in all', () => {
    const { taken, connect } = guarded(3, 1);
    for (let n = 0; n < 5; n++) connect(undefined);
    expect(taken).toHaveLength(3);
  });
});
