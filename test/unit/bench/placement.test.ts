import { describe, expect, it } from 'vitest';
import { placeThreads } from '#dist/bench/mmio/placement.js';

describe('placement', () => {
  it('puts vCPU and device on the last allowed CPU by default', () => {
    expect(placeThreads('same', [0, 10, 9])).toEqual({ mode: 'same', vcpuCpu: 10, deviceCpu: 10 });
  });

  it('splits them over the last two', () => {
    expect(placeThreads('split', [0, 10, 9])).toEqual({ mode: 'split', vcpuCpu: 10, deviceCpu: 9 });
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
