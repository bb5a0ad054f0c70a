/** What a machine counts: buckets, meters of regions, exits, memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExitCounts } from '#dist/src/vmm/metrics/exit-counts.js';
import { boundOf, bucketOf, LATENCY_BUCKETS, latencyFigures } from '#dist/src/vmm/metrics/latency-buckets.js';
import { collectMetrics } from '#dist/src/vmm/metrics/machine-metrics.js';
import { createMeters, metered, readMeters, tallied } from '#dist/src/vmm/metrics/region-meters.js';

describe('latency buckets', () => {
  it('hold each time below their bound, which is at most a quarter above it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (ns) => {
        const bucket = bucketOf(ns);
        expect(bucket).toBeLessThan(LATENCY_BUCKETS);
        expect(ns).toBeLessThan(boundOf(bucket));
        expect(bucket === 0 ? 0 : boundOf(bucket - 1)).toBeLessThanOrEqual(ns);
        expect(boundOf(bucket)).toBeLessThanOrEqual(Math.max(ns + 1, ns * 1.25 + 1));
      }),
    );
  });

  it.each([-1, Number.NaN, 1e300, Number.POSITIVE_INFINITY])('take %d as well', (ns) => {
    expect(bucketOf(ns)).toBeGreaterThanOrEqual(0);
    expect(bucketOf(ns)).toBeLessThan(LATENCY_BUCKETS);
  });

  it('tell percentiles, the mean and the slowest', () => {
    const counts = new Float64Array(LATENCY_BUCKETS);
    counts[bucketOf(1000)] = 98;
    counts[bucketOf(50_000)] = 2;
    const slow = boundOf(bucketOf(50_000));
    expect(latencyFigures(counts, 198_000)).toMatchObject({
      count: 100,
      meanNs: 1980,
      p50Ns: boundOf(bucketOf(1000)),
      p99Ns: slow,
      maxNs: slow,
    });
    expect(latencyFigures(new Float64Array(LATENCY_BUCKETS), 0)).toBeNull();
  });
});

describe('meters of regions', () => {
  const device = { read: (offset: number) => offset + 1, write: () => {} };

  it('count and time what a device answers, and leave out what was never accessed', () => {
    const meters = createMeters(['one', 'two']);
    const one = metered(meters, 'one', device);
    expect([one.read(4, 4), one.read(8, 4)]).toEqual([5, 9]);
    one.write(0, 4, 1);
    const figures = readMeters(meters);
    expect(Object.keys(figures)).toEqual(['one']);
    expect(figures.one).toMatchObject({ reads: 2, writes: 1, latency: { count: 3 } });
  });

  it('are seen by another thread, through the words they share', () => {
    const meters = createMeters(['one']);
    metered(structuredClone(meters), 'one', device).read(0, 1);
    expect(readMeters(meters).one).toMatchObject({ reads: 1 });
  });

  it('add the accesses that the board answered to the exits', () => {
    const meters = createMeters(['ports', 'pci-memory']);
    const counts = new ExitCounts();
    counts.count('KVM_EXIT_IO');
    tallied(meters, 'ports', device).read(0, 1);
    tallied(meters, 'pci-memory', device).write(0, 1, 0);
    const { exits, regions } = collectMetrics({
      counts,
      meters,
      kvm: [],
      hotplug: { ejected: 0, refused: 0 },
      devices: [],
      guestMemoryBytes: 0,
      startMs: 0,
    });
    expect(exits).toEqual({ KVM_EXIT_IO: 2, KVM_EXIT_MMIO: 1 });
    expect(regions.ports).toEqual({ reads: 1, writes: 0, latency: null });
  });

  it('tell the memory of the process without that of a guest', () => {
    const { vmmBytes, residentBytes } = collectMetrics({
      counts: new ExitCounts(),
      meters: createMeters([]),
      kvm: [],
      hotplug: { ejected: 0, refused: 0 },
      devices: [],
      guestMemoryBytes: 0,
      startMs: 0,
    });
    expect(vmmBytes).toBeGreaterThan(2 ** 20);
    expect(vmmBytes).toBeLessThanOrEqual(residentBytes);
  });
});
