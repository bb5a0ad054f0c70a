/** One description of a function, made on this thread or behind a region server on another, with its queues here or there. */
import type { EventFd } from 'ioregion/native';
import { PciDriver } from 'ioregion/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createFunction, FUNCTION_MODULE, type FunctionModuleOptions } from '#dist/src/virtio/pci/index.js';
import { CommonCfg, Feature } from '#dist/src/virtio/spec/index.js';
import {
  bringUp,
  FunctionSurroundings,
  type PlacedFunction,
  placeOnThread,
  QUEUES,
} from '#dist/test/support/placed-function.js';
import { SplitDriver } from '../support/split-driver.js';

const echo = new URL('../../../../dist/test/support/echo-device.js', import.meta.url).href;

type Attach = (options: FunctionModuleOptions) => Promise<PlacedFunction>;

const here: Attach = async (options) => {
  const pciFunction = await createFunction(options, { fds: {}, shared: null, region: '' });
  return { driver: new PciDriver(pciFunction), close: async () => {} };
};
const onThread: Attach = (options) => placeOnThread({ module: FUNCTION_MODULE, options });

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 5 });

describe.each([
  ['on this thread', here],
  ['behind a region server on a thread', onThread],
])('a function %s', (_where, attach) => {
  describe.each(['registers', 'worker'] as const)('with its queues on the thread of the %s', (dataPlane) => {
    let surroundings: FunctionSurroundings;
    let vectors: readonly EventFd[];
    let attached: PlacedFunction;

    beforeEach(async () => {
      surroundings = new FunctionSurroundings();
      vectors = surroundings.vectors;
      attached = await attach({
        device: { module: echo, options: { queues: QUEUES } },
        ...surroundings.options,
        dataPlane,
        function: { notificationData: true },
      });
    });

    afterEach(async () => {
      await attached.close();
      surroundings[Symbol.dispose]();
    });

    function start(features: bigint): SplitDriver {
      const queue = new SplitDriver(surroundings.memory, 0);
      expect(bringUp(attached.driver, queue.size, features)).toBe(true);
      const { descriptors, driverArea, deviceArea } = queue.areas;
      expect([descriptors, driverArea, deviceArea]).toEqual(attached.driver.areasOf(0));
      return queue;
    }

    test.each([
      ['a kick', Feature.version1, (driver: PciDriver) => driver.kick(0)],
      [
        'a kick that carries notification data',
        Feature.version1 | Feature.notificationData,
        (driver: PciDriver) => driver.kick(0, 4, 0x00010000),
      ],
    ])('answers %s, and interrupts', async (_name, features, kick) => {
      const { driver } = attached;
      const queue = start(features);
      await eventually(() => expect(driver.status).toBe(15));
      queue.send(Uint8Array.of(41));
      kick(driver);
      await eventually(() => expect(vectors[1]!.testAndClear()).toBe(true));
      expect(queue.answer(0)).toEqual(Uint8Array.of(42));
    });

    test('keeps an interrupt that comes while its vector is masked', async () => {
      const { driver } = attached;
      const queue = start(Feature.version1);
      driver.mask(1, true);
      queue.send(Uint8Array.of(1));
      driver.kick(0);
      await eventually(() => expect(driver.pending).toBe(0b10));
      expect(vectors[1]!.testAndClear()).toBe(false);
      driver.mask(1, false);
      expect(vectors[1]!.testAndClear()).toBe(true);
    });

    test('shows what the driver wrote to configuration space at once, and its new generation', () => {
      const { driver } = attached;
      const { generation } = driver;
      const { bar, offset } = driver.device!;
      driver.write(bar, offset + 1, 2, 0xbeef);
      expect(driver.read(bar, offset, 4)).toBe(0x00beef00);
      expect(driver.generation).not.toBe(generation);
    });

    test('needs a reset after nonsense in its ring, tells the driver, and works again after it', async () => {
      const { driver } = attached;
      const queue = start(Feature.version1);
      driver.set16(CommonCfg.configMsixVector, 0);
      queue.sendNonsense();
      driver.kick(0);
      await eventually(() => expect(vectors[0]!.testAndClear()).toBe(true));
      expect(driver.status & 64).toBe(64);
      driver.status = 0;
      await eventually(() => expect(driver.status).toBe(0));
      const again = start(Feature.version1);
      again.send(Uint8Array.of(1));
      driver.kick(0);
      await eventually(() => expect(again.usedIndex).toBe(1));
    });
  });
});
