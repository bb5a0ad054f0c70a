import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median } from '#dist/bench/mmio/statistics.js';

describe('the median', () => {
  it('is the middle of an odd number of values, in any order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it('is the mean of the middle two of an even number', () => {
    expect(median(Uint32Array.of(4, 1, 3, 2))).toBe(2.5);
  });

  it('compares numbers, not their digits', () => {
    expect(median([100, 20, 3])).toBe(20);
  });

  it('is not a number for no values', () => {
    expect(median([])).toBeNaN();
  });

  it('has at most half of the values on either side', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });

  it('leaves its input as it was', () => {
    const values = Uint32Array.of(3, 1, 2);
    median(values);
    expect([...values]).toEqual([3, 1, 2]);
  });
});
