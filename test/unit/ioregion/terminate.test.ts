/** Workers that are terminated while they block in native code. */
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { LoopbackDispatcher, stopRegionServer } from 'ioregion/ioregion';
import { type Fd, socketpair, waitReadable } from 'ioregion/native';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CallerThread } from '#dist/test/stress/caller-thread.js';

const GPA = 0x1000;
const MESSAGE_BYTES = 32;
const ioregion = new URL('../../../dist/src/ioregion/index.js', import.meta.url).href;

let vmm: Fd;
let device: Fd;
beforeEach(() => {
  [vmm, device] = socketpair('seqpacket');
});
afterEach(() => {
  vmm.close();
  device.close();
});

const count = () => [readdirSync('/proc/self/fd').length, readdirSync('/proc/self/task').length];

it('a caller that is terminated leaves its channel to the others', async () => {
  const dispatcher = new LoopbackDispatcher();
  dispatcher.addRegion({ space: 'mmio', gpa: GPA, size: 8, readFd: vmm, writeFd: vmm });
  const before = count();
  const first = await CallerThread.start(dispatcher);
  void first.perform([{ space: 'mmio', address: GPA, size: 4 }]);
  waitReadable(device, -1);
  await first.terminate();
  await vi.waitFor(() => expect(count()).toEqual(before));
  const second = await CallerThread.start(dispatcher);
  const values = second.perform([{ space: 'mmio', address: GPA, size: 4 }]);
  const response = new Uint8Array(MESSAGE_BYTES);
  for (const value of [1, 2]) {
    waitReadable(device, -1);
    device.read(new Uint8Array(MESSAGE_BYTES));
    response[0] = value;
    device.write(response);
  }
  expect(await values).toEqual([2]); /* 1 was the answer to the first caller */
  await second.close();
  dispatcher.close();
});

it('a region server that is stopped can be terminated, and leaves nothing', async () => {
  const before = count();
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(${JSON.stringify(ioregion)}).then(({ BlockingServer }) => {
      const server = new BlockingServer({ readFd: workerData, writeFd: workerData, regions: [] });
      parentPort.postMessage(server.id);
      server.serve();
    });`;
  const worker = new Worker(source, { eval: true, workerData: device.number });
  const id = await new Promise<number>((resolve) => worker.once('message', resolve));
  const terminated = worker.terminate();
  stopRegionServer(id); /* there is none where the Worker has ended before it waited */
  await terminated;
  await vi.waitFor(() => expect(count()).toEqual(before));
});
