import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { acquire, release } from '#dist/src/virtio/interrupt/shared-lock.js';

const module = new URL('../../../../dist/src/virtio/interrupt/shared-lock.js', import.meta.url).href;

/** Adds one to a word that only the lock protects, again and again. */
const COUNTER = `
  const { workerData, parentPort } = require('node:worker_threads');
  import(workerData.module).then(({ acquire, release }) => {
    const words = new Int32Array(workerData.words);
    for (let turn = 0; turn < workerData.turns; turn++) {
      acquire(words, 0);
      words[1] = words[1] + 1;
      release(words, 0);
    }
    parentPort.postMessage('done');
  });
`;

test('threads that count under the lock lose no count', async () => {
  const turns = 20_000;
  const words = new SharedArrayBuffer(8);
  const workers = [0, 1, 2].map(() => new Worker(COUNTER, { eval: true, workerData: { module, words, turns } }));
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))));
  expect([...new Int32Array(words)]).toEqual([0, 3 * turns]);
});

test('a lock whose holder was terminated is taken from it after a second', () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  acquire(words, 0);
  const before = performance.now();
  acquire(words, 0);
  expect(performance.now() - before).toBeGreaterThan(900);
  release(words, 0);
  acquire(words, 0);
  expect(performance.now() - before).toBeLessThan(5000);
});
