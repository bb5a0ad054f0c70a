/** A queue's thread raises interrupts while the driver masks and unmasks on the transport's. */
import { Worker } from 'node:worker_threads';
import { EventFd } from 'ioregion/native';
import { afterEach, describe, expect, test } from 'vitest';
import { EventfdSink, InterruptController, InterruptSource, InterruptState } from '#dist/src/virtio/interrupt/index.js';

const module = new URL('../../../../dist/src/virtio/interrupt/index.js', import.meta.url).href;

/** Raises queue 0 again as soon as the last interrupt has been seen. */
const RAISER = `
  const { workerData, parentPort } = require('node:worker_threads');
  import(workerData.module).then(({ openInterrupts }) => {
    const source = openInterrupts(workerData.interrupts);
    const seen = new Int32Array(workerData.seen);
    for (let round = 0; round < workerData.rounds; round++) {
      source.callQueue(0);
      while (Atomics.load(seen, 0) <= round) if (Atomics.wait(seen, 0, round, 5000) === 'timed-out') return parentPort.postMessage(round);
    }
    parentPort.postMessage(workerData.rounds);
  });
`;

const ROUNDS = 5000;
let worker: Worker | null = null;
const eventfds = [EventFd.create(), EventFd.create()];

afterEach(async () => {
  await worker?.terminate();
  worker = null;
});

/** Runs the raiser; `meanwhile` is called over and over, and says whether it has seen an interrupt. */
async function race(controller: InterruptController, meanwhile: (turn: number) => boolean): Promise<number> {
  const seen = new SharedArrayBuffer(4);
  const words = new Int32Array(seen);
  const workerData = { module, interrupts: controller.source.share(), seen, rounds: ROUNDS };
  worker = new Worker(RAISER, { eval: true, workerData });
  const done = new Promise<number>((resolve, reject) => {
    worker!.once('message', resolve);
    worker!.once('error', reject);
  });
  let finished = false;
  void done.finally(() => {
    finished = true;
  });
  for (let turn = 0; !finished; turn++) {
    if (meanwhile(turn)) {
      Atomics.add(words, 0, 1);
      Atomics.notify(words, 0);
    }
    if (turn % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}

function controllerOf(wiring = {}): InterruptController {
  const sink = new EventfdSink(eventfds, { route: () => {}, describePin: () => null, ...wiring });
  const controller = new InterruptController(new InterruptSource(InterruptState.create(2, 1), sink));
  controller.setQueueVector(0, 1);
  return controller;
}

describe('interrupts raised on another thread', () => {
  test('none is lost while their vector is masked and unmasked', { timeout: 60_000 }, async () => {
    const controller = controllerOf();
    controller.setMode(true, false);
    const rounds = await race(controller, (turn) => {
      controller.setVector(1, 'control', turn % 2);
      return eventfds[1]!.testAndClear();
    });
    expect(rounds).toBe(ROUNDS);
  });

  test('none is lost while the function mask goes on and off', { timeout: 60_000 }, async () => {
    const controller = controllerOf();
    controller.setVector(1, 'control', 0);
    const rounds = await race(controller, (turn) => {
      controller.setMode(true, turn % 2 === 1);
      return eventfds[1]!.testAndClear();
    });
    expect(rounds).toBe(ROUNDS);
  });

  test('none is lost when MSI-X goes on and off: what is not a message is in ISR status', {
    timeout: 60_000,
  }, async () => {
    const controller = controllerOf();
    controller.setVector(1, 'control', 0);
    const rounds = await race(controller, (turn) => {
      controller.setMode(turn % 2 === 1, false);
      return [eventfds[1]!.testAndClear(), controller.takeIsr() !== 0].includes(true);
    });
    expect(rounds).toBe(ROUNDS);
  });

  test('a message is never sent once a write to its mask bit has returned', { timeout: 60_000 }, async () => {
    const controller = controllerOf();
    controller.setMode(true, false);
    let late = 0;
    await race(controller, () => {
      controller.setVector(1, 'control', 1);
      const before = eventfds[1]!.testAndClear();
      for (let wait = 0; wait < 50; wait++) if (eventfds[1]!.testAndClear()) late += 1;
      controller.setVector(1, 'control', 0);
      return [before, eventfds[1]!.testAndClear()].includes(true);
    });
    expect(late).toBe(0);
  });
});
