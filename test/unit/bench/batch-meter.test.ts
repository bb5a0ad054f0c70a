import { describe, expect, it } from 'vitest';
import { type AccessDriver, BATCH_ACCESSES, BatchMeter } from '#dist/bench/mmio/batch-meter.js';
import { BenchDevice, Register } from '#dist/bench/mmio/bench-device.js';
import type { Operation } from '#dist/bench/mmio/row.js';
import type { Target } from '#dist/bench/mmio/target.js';

/** Accesses that go straight to a device, each taking 100 ns by its own account. `skip` of them are lost. */
function setUp(operation: Operation, skip = 0) {
  const device = new BenchDevice();
  const calls: string[] = [];
  const access = (value: number) => {
    if (operation === 'read') device.read(Register.data, 4);
    else device.write(Register.data, 4, value);
  };
  const driver: AccessDriver = {
    operation,
    batch: (count, samples, at) => {
      for (let value = count; value > skip; value--) access(value);
      samples.fill(100, at, at + count);
    },
    floor: (count, samples) => samples.fill(7, 0, count),
    close: () => calls.push('driver closed'),
  };
  const read = (offset: number) => Number(device.read64(offset));
  const target: Target = {
    settle: () => calls.push('settled'),
    counts: () => ({
      reads: read(Register.reads),
      writes: read(Register.writes),
      sum: read(Register.sum),
      refused: read(Register.refused),
    }),
    close: () => calls.push('target closed'),
  };
  return { meter: new BatchMeter(driver, target, 4 * BATCH_ACCESSES), calls };
}

describe.each(['read', 'write'] as const)('the meter of a path, for each %s', (operation) => {
  it('records every access of whole batches, and the floor', () => {
    const { meter, calls } = setUp(operation);
    const slot = meter.slot(0);
    expect(slot).toMatchObject({ accesses: BATCH_ACCESSES, floorNs: 7 });
    expect(slot.samples).toEqual(new Uint32Array(BATCH_ACCESSES).fill(100));
    expect(calls).toEqual(['settled']);
  });

  it('goes on counting from slot to slot', () => {
    const { meter } = setUp(operation);
    for (let slot = 0; slot < 3; slot++) expect(meter.slot(0).accesses).toBe(BATCH_ACCESSES);
  });

  it('ends a slot when there is no room for another batch', () => {
    const { meter } = setUp(operation);
    expect(meter.slot(60_000).accesses).toBe(4 * BATCH_ACCESSES);
  });

  it('fails where the device has not seen every access', () => {
    const { meter } = setUp(operation, 1);
    const what = `${operation}s: 511, not 512`;
    expect(() => meter.slot(0)).toThrow(
      expect.objectContaining({ code: 'ERR_IOREGION_BENCH_LOST_ACCESS', message: expect.stringContaining(what) }),
    );
  });

  it('closes the driver before the target', () => {
    const { meter, calls } = setUp(operation);
    meter.close();
    expect(calls).toEqual(['driver closed', 'target closed']);
  });
});

describe('the bench device', () => {
  it('refuses and counts accesses beside its registers', () => {
    const device = new BenchDevice();
    device.write(Register.reads, 4, 1);
    expect(device.read(0x100, 4)).toBe(-1);
    expect(device.read64(Register.refused)).toBe(2n);
    expect(device.read64(Register.sum)).toBe(0n);
  });
});
