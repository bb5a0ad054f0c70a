import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { getAffinity, monotonicNs, setAffinity, threadId } from 'ioregion/native';
import { afterEach, describe, expect, it } from 'vitest';
import { layer } from '../../support/script.js';

describe('the calling thread', () => {
  const all = getAffinity();
  afterEach(() => setAffinity(all));

  it('has an id in /proc, another one in each Worker', async () => {
    expect(readdirSync('/proc/self/task')).toContain(String(threadId()));
    const worker = new Worker(
      `import(${layer('native')}).then((n) => require('node:worker_threads').parentPort.postMessage(n.threadId()))`,
      { eval: true },
    );
    const other = await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    expect(other).not.toBe(threadId());
  });

  it('runs where it is bound to', () => {
    const [first] = all as [number];
    setAffinity([first]);
    expect(getAffinity()).toEqual([first]);
  });

  it('cannot be bound to no CPU, to one that does not exist, or to one beyond the mask', () => {
    expect(() => setAffinity([])).toThrow(expect.objectContaining({ errnoName: 'EINVAL' }));
    expect(() => setAffinity([8191])).toThrow(expect.objectContaining({ errnoName: 'EINVAL' }));
    expect(() => setAffinity([8192])).toThrow(RangeError);
    expect(() => setAffinity([-1])).toThrow(RangeError);
    expect(() => setAffinity(['0' as unknown as number])).toThrow(TypeError);
    expect(getAffinity()).toEqual(all);
  });

  it('reads the clock of process.hrtime', () => {
    const before = process.hrtime.bigint();
    const now = BigInt(monotonicNs());
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(process.hrtime.bigint());
  });
});
