import { expect, test } from '@jest/globals';
import { closeFrame, FrameTracker } from './upgrade-frames.js';

/** A frame head and as many bytes as it says. */
function frame(opcode: number, length: number, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0;
  let head: Buffer;
  if (length < 126) head = Buffer.from([0x80 | opcode, mask | length]);
  else if (length < 65_536) head = Buffer.from([0x80 | opcode, mask | 126, length >> 8, length & 0xff]);
  else {
    head = Buffer.alloc(10);
    head[0] = 0x80 | opcode;
    head[1] = mask | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0, 7), Buffer.alloc(length, 0x88)]);
}

const frames = [0, 1, 125, 126, 65_535, 65_536, 70_000].flatMap((length) => [
  frame(1, length, true),
  frame(2, length, false),
]);

test.each([1, 2, 3, 7, 1_000, 1_000_000])('finds the ends of frames in pieces of %d bytes', (size) => {
  const ends = new Set<number>();
  let sum = 0;
  for (const one of frames) {
    sum += one.length;
    ends.add(sum);
  }
  const bytes = Buffer.concat(frames);
  const tracker = new FrameTracker();
  const found = new Set<number>();
  for (let at = 0; at < bytes.length; ) {
    at += tracker.advance(bytes.subarray(at, at + size), true);
    if (tracker.atBoundary) found.add(at);
  }
  expect(found).toEqual(ends);
  expect(tracker.isClosed).toBe(false);
});

test('a whole Close frame ends a direction, half of one does not', () => {
  for (const masked of [true, false]) {
    const tracker = new FrameTracker();
    const close = closeFrame(1001, masked);
    expect(tracker.advance(close.subarray(0, 3))).toBe(3);
    expect([tracker.isClosed, tracker.atBoundary]).toEqual([false, false]);
    tracker.advance(close.subarray(3));
    expect([tracker.isClosed, tracker.atBoundary]).toEqual([true, true]);
  }
});

test('a Close frame is masked for a server alone', () => {
  expect(closeFrame(1001, false)).toEqual(Buffer.from([0x88, 2, 0x03, 0xe9]));
  const masked = closeFrame(1001, true);
  expect([masked.length, masked[0], masked[1]]).toEqual([8, 0x88, 0x82]);
  const code = [6, 7].map((i) => (masked[i] as number) ^ (masked[i - 4] as number));
  expect(code).toEqual([0x03, 0xe9]);
});
