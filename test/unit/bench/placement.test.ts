import { describe, expect, it } from 'vitest';
import { cpusOf, placeThreads } from '#dist/bench/mmio/placement.js';

const SAME = { vcpu: 10, device: 10 };
const SPLIT = { vcpu: 10, device: 9 };

describe('placement', () => {
  it('shares the last allowed CPU where the guest waits, and uses two where it does not, by default', () => {
    const placement = placeThreads('auto', [0, 10, 9]);
    expect(cpusOf(placement, 'ioregionfd-thread')).toEqual(SAME);
    expect(cpusOf(placement, 'ioregionfd-posted')).toEqual(SPLIT);
    expect(cpusOf(placement, 'ioeventfd')).toEqual(SPLIT);
  });

  it('can be told to share one CPU always', () => {
    expect(placeThreads('same', [0, 10, 9])).toEqual({ mode: 'same', waiting: SAME, posted: SAME });
  });

  it('can be told to use two always', () => {
    expect(placeThreads('split', [0, 10, 9])).toEqual({ mode: 'split', waiting: SPLIT, posted: SPLIT });
  });

  it('makes do with one CPU by default', () => {
    expect(placeThreads('auto', [3]).posted).toEqual({ vcpu: 3, device: 3 });
  });

  it('refuses to split one CPU, and says what to do', () => {
    expect(() => placeThreads('split', [3])).toThrow(
      expect.objectContaining({
        code: 'ERR_IOREGION_BENCH_PLACEMENT',
        message: expect.stringContaining('--placement same'),
      }),
    );
  });
});
