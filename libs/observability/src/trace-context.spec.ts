import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatTraceparent, newSpanId, parseTraceparent, parseTracestate, startTrace } from './trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const VALID = `00-${TRACE}-${SPAN}-01`;

describe('traceparent', () => {
  it.each([
    [VALID, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`00-${TRACE}-${SPAN}-03`, true],
    [`00-${TRACE}-${SPAN}-ff`, true],
    [`00-${TRACE}-${SPAN}-fe`, false],
    [`01-${TRACE}-${SPAN}-01`, true],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-brings`, true],
    [`fe-${TRACE}-${SPAN}-01-`, true],
  ])('%s is read', (header, sampled) => {
    expect(parseTraceparent(header)).toEqual({ traceId: TRACE, parentId: SPAN, sampled });
    expect(parseTraceparent([header])).toEqual({ traceId: TRACE, parentId: SPAN, sampled });
  });

  it.each([
    ['nothing', ''],
    ['the forbidden version', `ff-${TRACE}-${SPAN}-01`],
    ['upper case', VALID.toUpperCase()],
    ['an upper-case version', `0A-${TRACE}-${SPAN}-01`],
    ['no trace', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['no span', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['more than version 00 has', `${VALID}-more`],
    ['an end that version 00 has not', `${VALID}-`],
    ['a future version without the dash', `01-${TRACE}-${SPAN}-01more`],
    ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['a long trace', `00-${TRACE}0-${SPAN}-01`],
    ['a short span', `00-${TRACE}-${SPAN.slice(1)}-01`],
    ['short flags', `00-${TRACE}-${SPAN}-1`],
    ['other digits', `00-${TRACE.replace('0', 'g')}-${SPAN}-01`],
    ['other dashes', VALID.replaceAll('-', '_')],
    ['a blank before', ` ${VALID}`],
    ['a line feed after', `${VALID}\n`],
    ['two in one', `${VALID},${VALID}`],
    ['endless text', `01-${TRACE}-${SPAN}-01-${'x'.repeat(100_000)}`],
  ])('%s is refused', (_name, header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });

  it('is refused when it comes twice or not at all', () => {
    expect(parseTraceparent([VALID, VALID])).toBeUndefined();
    expect(parseTraceparent([])).toBeUndefined();
    expect(parseTraceparent(undefined)).toBeUndefined();
  });

  it('is what formatTraceparent writes', () => {
    const hex = (length: number) =>
      fc
        .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
        .filter((text) => /[^0]/.test(text));
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
        expect(parseTraceparent(formatTraceparent({ traceId, spanId, sampled }))).toEqual({
          traceId,
          parentId: spanId,
          sampled,
        });
      }),
    );
  });
});

describe('tracestate', () => {
  it.each([
    ['a=1', 'a=1'],
    ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    [' a=1 ,\tb=2\t', 'a=1,b=2'],
    ['a=1,,b=2,', 'a=1,b=2'],
    ['fw529a3039@dt=FfIAAAC', 'fw529a3039@dt=FfIAAAC'],
    ['0tenant@sys=x', '0tenant@sys=x'],
    ['a/b*c_d-e=x y', 'a/b*c_d-e=x y'],
    ['a=1;b', 'a=1;b'],
  ])('%j is kept', (header, kept) => {
    expect(parseTracestate(header)).toBe(kept);
  });

  it.each([
    [''],
    [','],
    ['a'],
    ['=1'],
    ['a='],
    ['a= '],
    ['A=1'],
    ['0a=1'],
    ['a=1,a=2'],
    ['a=1=2'],
    ['a=\u00e9'],
    ['a=1\r\nx: y'],
    ['a@b@c=1'],
    [`${'a'.repeat(257)}=1`],
    [`a=${'x'.repeat(600)}`],
    [Array.from({ length: 33 }, (_, i) => `k${i}=1`).join()],
  ])('%j is dropped', (header) => {
    expect(parseTracestate(header)).toBeUndefined();
  });

  it('may come in several headers and must not be longer than 512 characters', () => {
    expect(parseTracestate(['a=1', 'b=2'])).toBe('a=1,b=2');
    const fits = `a=${'x'.repeat(255)},b=${'y'.repeat(252)}`;
    expect(fits).toHaveLength(512);
    expect(parseTracestate(fits)).toBe(fits);
    expect(parseTracestate(`${fits}y`)).toBeUndefined();
  });
});

describe('a trace', () => {
  it('goes on with a span of its own', () => {
    const trace = startTrace(VALID, 'a=1');
    expect(trace).toEqual({ traceId: TRACE, spanId: trace.spanId, sampled: true, tracestate: 'a=1' });
    expect(trace.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(trace.spanId).not.toBe(SPAN);
    expect(startTrace(`00-${TRACE}-${SPAN}-00`, 'bad', true)).not.toHaveProperty('tracestate');
    expect(startTrace(`00-${TRACE}-${SPAN}-00`, 'bad', true).sampled).toBe(false);
  });

  it('begins anew without a valid header, and without its state', () => {
    for (const header of [undefined, 'nonsense', [VALID, VALID]]) {
      const trace = startTrace(header, 'a=1');
      expect(parseTraceparent(formatTraceparent(trace))).toBeDefined();
      expect(trace).toMatchObject({ sampled: false });
      expect(trace).not.toHaveProperty('tracestate');
      expect(trace.traceId).not.toBe(TRACE);
    }
    expect(startTrace(undefined, undefined, true).sampled).toBe(true);
  });

  it('has ids that do not repeat', () => {
    const ids = new Set(Array.from({ length: 20_000 }, () => newSpanId()));
    const traces = new Set(Array.from({ length: 20_000 }, () => startTrace().traceId));
    expect([ids.size, traces.size]).toEqual([20_000, 20_000]);
  });

  it('never throws, whatever the headers hold', () => {
    const near = fc
      .tuple(fc.nat(VALID.length), fc.string({ unit: 'binary', maxLength: 3 }))
      .map(([at, noise]) => VALID.slice(0, at) + noise + VALID.slice(at + noise.length));
    const header = fc.oneof(
      fc.string({ unit: 'binary' }),
      near,
      fc.constantFrom(VALID, undefined),
      fc.array(fc.string()),
    );
    fc.assert(
      fc.property(header, fc.oneof(header, fc.constantFrom('a=1', 'a=1,b=2')), (traceparent, tracestate) => {
        const trace = startTrace(traceparent, tracestate);
        expect(trace.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
        expect(trace.spanId).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
        if (trace.tracestate !== undefined) expect(trace.tracestate).toMatch(/^[\x20-\x7e]{3,512}$/);
      }),
      { numRuns: 1000 },
    );
  });
});
