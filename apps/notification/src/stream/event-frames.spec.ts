import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { notificationFrame, openingFrame } from './event-frames.js';

/** Reads a stream as the standard says (HTML, 9.2.6): lines end with CR LF, CR or LF. */
function parse(text: string): { id?: string; event?: string; data: string }[] {
  return text
    .split(/(?:\r\n|\r|\n){2}/)
    .map((block) => {
      const fields = block.split(/\r\n|\r|\n/).flatMap((line) => {
        const [, name, value] = /^([a-z]+): ?(.*)$/s.exec(line) ?? [];
        return name ? [[name, value] as const] : [];
      });
      return { data: '', ...Object.fromEntries(fields) };
    })
    .filter(({ data }) => data !== '');
}

describe('frames of a live stream', () => {
  it('carry any text without letting it out of its frame', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\n\nid: 1\n\n', '\r', '\u2028', 'a\r\ndata: x'),
    );
    fc.assert(
      fc.property(fc.array(fc.record({ title: text, body: text, key: text }), { maxLength: 5 }), (entries) => {
        const views = entries.map(({ title, body, key }, i) => ({
          id: `id-${i}`,
          category: 'project',
          title,
          body,
          data: { [`k${key}`]: key },
          read_at: null,
          version: 1,
          created_at: '2026-01-31T12:00:00.000Z',
        }));
        const read = parse(openingFrame() + views.map(notificationFrame).join(''));
        expect(read.map(({ id, event, data }) => [id, event, JSON.parse(data)])).toEqual(
          views.map((view) => [view.id, 'notification', view]),
        );
      }),
    );
  });

  it('spread the times at which clients come back', () => {
    const times = new Set(Array.from({ length: 50 }, () => /^retry: (\d+)\n/.exec(openingFrame())?.[1]));
    expect(times.size).toBeGreaterThan(10);
    for (const time of times) expect(Number(time)).toBeGreaterThanOrEqual(2000);
  });
});
