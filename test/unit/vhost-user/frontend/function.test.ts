/** A device behind a backend as a PCI function: on a thread with its registers here, or behind a region server. */
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { EventFd } from 'ioregion/native';
import { PciDriver } from 'ioregion/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createVhostUserFunction,
  VHOST_USER_FUNCTION_MODULE,
  type VhostUserFunctionOptions,
} from '#dist/src/vhost-user/index.js';
import { DeviceType, Feature } from '#dist/src/virtio/spec/index.js';
import {
  bringUp,
  FunctionSurroundings,
  type PlacedFunction,
  placeOnThread,
  QUEUES,
} from '#dist/test/support/placed-function.js';
import { startEchoBackend } from '#dist/test/support/vhost-user/echo-backend.js';
import { temporaryDirectory } from '../../../support/temporary.js';
import { SplitDriver } from '../../virtio/support/split-driver.js';

type Attach = (options: VhostUserFunctionOptions) => Promise<PlacedFunction>;

const here: Attach = async (options) => {
  const pciFunction = await createVhostUserFunction(options, { fds: {}, shared: null, region: '' });
  return { driver: new PciDriver(pciFunction), close: () => pciFunction.close() };
};
const onThread: Attach = (options) => placeOnThread({ module: VHOST_USER_FUNCTION_MODULE, options });

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });
const directory = temporaryDirectory();
let sockets = 0;

describe.each([
  ['on this thread', here],
  ['behind a region server on a thread', onThread],
])('a function %s', (_where, attach) => {
  let surroundings: FunctionSurroundings;
  let vectors: readonly EventFd[];
  let backend: Worker;
  let attached: PlacedFunction;

  beforeEach(async () => {
    surroundings = new FunctionSurroundings();
    vectors = surroundings.vectors;
    const path = join(directory, `backend-${sockets++}`);
    backend = await startEchoBackend(path, { queues: QUEUES });
    attached = await attach({
      backend: { path, deviceType: DeviceType.entropy, queues: QUEUES, queueSize: 8, configBytes: 8 },
      ...surroundings.options,
    });
  });

  afterEach(async () => {
    await attached.close();
    await backend.terminate();
    surroundings[Symbol.dispose]();
  });

  function start(): SplitDriver {
    const queue = new SplitDriver(surroundings.memory, 0);
    expect(bringUp(attached.driver, queue.size, Feature.version1)).toBe(true);
    return queue;
  }

  test('answers kicks and interrupts, before and after a reset', async () => {
    const { driver } = attached;
    for (const round of [1, 2]) {
      const queue = start();
      queue.send(Uint8Array.of(round));
      driver.kick(0);
      await eventually(() => expect(vectors[1]!.testAndClear()).toBe(true));
      // A backend may call when it starts a ring, before it has used anything.
      await eventually(() => expect(queue.answer(0)).toEqual(Uint8Array.of(round + 1)));
      driver.status = 0;
      await eventually(() => expect(driver.status).toBe(0));
    }
  });

  test('keeps a call of the backend that comes while its vector is masked', async () => {
    const { driver } = attached;
    const queue = start();
    driver.mask(1, true);
    queue.send(Uint8Array.of(1));
    driver.kick(0);
    await eventually(() => expect(driver.pending).toBe(0b10));
    driver.mask(1, false);
    expect(vectors[1]!.testAndClear()).toBe(true);
  });

  test('waits with a write to configuration space until the backend has it', () => {
    const { bar, offset } = attached.driver.device!;
    attached.driver.write(bar, offset + 1, 2, 0xbeef);
    expect(attached.driver.read(bar, offset, 4)).toBe(0x00beef00);
    expect(attached.driver.generation).not.toBe(0);
  });
});
