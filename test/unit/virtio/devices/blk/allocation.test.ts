/** Nothing is allocated for a request in steady state. */

import type { HeapProfiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { afterAll, expect, it } from 'vitest';
import { DeviceSide } from '#dist/bench/blk/device-side.js';
import { makeImage } from '#dist/bench/blk/image.js';

const REQUESTS = 64_000;
const session = new Session();
session.connect();
afterAll(() => session.disconnect());

/** Bytes allocated by code whose file matches, also those freed meanwhile. */
function allocatedIn(node: HeapProfiler.SamplingHeapProfileNode, path: RegExp): number {
  const own = path.test(node.callFrame.url) ? node.selfSize : 0;
  return node.children.reduce((sum, child) => sum + allocatedIn(child, path), own);
}

async function sample(work: () => Promise<unknown>): Promise<HeapProfiler.SamplingHeapProfileNode> {
  const everything = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };
  await session.post('HeapProfiler.startSampling', { samplingInterval: 512, ...everything });
  await work();
  return (await session.post('HeapProfiler.stopSampling')).profile.head;
}

it.each([32, 1])('at depth %i', async (depth) => {
  using image = makeImage('/dev/shm');
  const side = new DeviceSide(image.path, depth, 'sync');
  await side.run(4 * REQUESTS, 1);
  const profile = await sample(() => side.run(REQUESTS, 2));
  await side.close();
  expect(allocatedIn(profile, /\/dist\/src\//) / REQUESTS).toBeLessThan(0.5);
});

it('which an allocation for each request would fail', async () => {
  const profile = await sample(async () => {
    const kept: object[] = [];
    for (let i = 0; i < REQUESTS; i++) kept[i % 8] = { i };
  });
  expect(allocatedIn(profile, /allocation\.test/) / REQUESTS).toBeGreaterThan(8);
});
