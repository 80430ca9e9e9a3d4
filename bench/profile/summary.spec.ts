import { type CallFrame, type CpuProfile, functionOf, packageOf, profileTables, summariseProfile } from './summary.ts';

const frame = (functionName: string, url = '', lineNumber = 0): CallFrame => ({ functionName, url, lineNumber });

describe('profile summary', () => {
  it.each([
    [frame('get', 'file:///any/where/node_modules/lru-cache/dist/esm/index.js'), 'lru-cache'],
    [frame('on', 'file:///x/node_modules/a/node_modules/@fastify/reply-from/index.js'), '@fastify/reply-from'],
    [frame('take', 'file:///x/dist/libs/bootstrap/src/chain/front.js'), '@nexus/bootstrap'],
    [frame('send', 'file:///x/dist/apps/gateway/src/proxy/forwarder.js'), 'apps/gateway'],
    [frame('emit', 'node:events'), 'node'],
    [frame('writev'), 'native'],
    [frame('(garbage collector)'), '(garbage collector)'],
    [frame('js-to-wasm', 'wasm://wasm/00034eea'), 'other'],
  ])('knows the package of %o', (callFrame, expected) => {
    expect(packageOf(callFrame)).toBe(expected);
  });

  it('names functions without the folders of the machine', () => {
    expect(functionOf(frame('take', 'file:///home/me/dist/libs/bootstrap/src/chain/front.js', 91))).toBe(
      'take libs/bootstrap/src/chain/front.js:92',
    );
    expect(functionOf(frame('', 'file:///home/me/bench/origin.ts', 4))).toBe('(anonymous) origin.ts:5');
  });

  const profile: CpuProfile = {
    nodes: [
      { id: 1, callFrame: frame('(root)'), children: [2, 5, 6] },
      { id: 2, callFrame: frame('take', 'file:///x/dist/libs/bootstrap/src/front.js', 9), children: [3] },
      { id: 3, callFrame: frame('emit', 'node:events', 1), children: [4] },
      // Recursion: its time belongs to it once.
      { id: 4, callFrame: frame('take', 'file:///x/dist/libs/bootstrap/src/front.js', 9) },
      { id: 5, callFrame: frame('(idle)') },
      { id: 6, callFrame: frame('(garbage collector)') },
    ],
    samples: [2, 3, 4, 5, 6, 6],
    // The time until the next sample belongs to a sample; the last one has none.
    timeDeltas: [7, 10, 20, 30, 40, 50],
  };

  it('adds up time of their own, and with all that is called, without idle time', () => {
    const { busyMicros, packages, functions, inclusive } = summariseProfile(profile);
    expect(busyMicros).toBe(10 + 20 + 30 + 50);
    expect(packages).toEqual([
      { name: '(garbage collector)', micros: 50 },
      { name: '@nexus/bootstrap', micros: 40 },
      { name: 'node', micros: 20 },
    ]);
    expect(functions[1]).toEqual({ name: 'take libs/bootstrap/src/front.js:10', micros: 40 });
    expect(inclusive).toEqual([{ name: 'take libs/bootstrap/src/front.js:10', micros: 60 }]);
  });

  it('shows shares and time per request', () => {
    expect(profileTables(summariseProfile(profile), 10)).toMatch(
      /^\| \(garbage collector\) +\| +45\.5 % \| +5\.00 \|$/m,
    );
  });
});
