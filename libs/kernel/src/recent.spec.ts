import { describe, expect, test } from '@jest/globals';
import { Recent } from './recent.js';

describe('what was found lately', () => {
  test('is found again, as long as it is asked for', () => {
    const recent = new Recent<number>(3, 10);
    recent.set('often', 0);
    for (let i = 1; i < 100; i += 1) {
      recent.set(`key ${i}`, i);
      expect([recent.get('often'), recent.get(`key ${i}`)]).toEqual([0, i]);
    }
    expect(recent.get('key 90')).toBeUndefined();
  });

  test('is not held for long texts', () => {
    const recent = new Recent<number>(3, 4);
    recent.set('short', 1);
    recent.set('tiny', 2);
    expect([recent.get('short'), recent.get('tiny')]).toEqual([undefined, 2]);
  });
});
