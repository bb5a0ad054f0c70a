/** The mock driver, over every way to reach a device. */
import { GuestMemory } from 'ioregion/memory';
import { ControlTransport, DeviceTransport, type DriverTransport, MockDriver, PciTransport } from 'ioregion/testing';
import { Feature, LocalControl, RING_FEATURES, VirtioPciFunction } from 'ioregion/virtio';
import { afterAll, describe, expect, test } from 'vitest';
import { EchoDevice } from '#dist/test/support/echo-device.js';

const memory = GuestMemory.create(1 << 20);
afterAll(() => memory.close());

function overPci(): PciTransport {
  const transport = new PciTransport();
  const control = new LocalControl({ device: new EchoDevice(), memory });
  return transport.connect(new VirtioPciFunction({ control, sink: transport.sink, notificationData: true }));
}

const TRANSPORTS: readonly (readonly [string, () => DriverTransport])[] = [
  ['a device', () => new DeviceTransport(new EchoDevice(), memory)],
  ['a device control', () => new ControlTransport(new LocalControl({ device: new EchoDevice(), memory }))],
  ['virtio-pci registers', overPci],
];
const NAMES = { eventIdx: Feature.eventIdx, inOrder: Feature.inOrder, notificationData: Feature.notificationData };
const COMBINATIONS = [0n, ...Object.values(NAMES), RING_FEATURES & ~Feature.ringPacked].flatMap((features) =>
  [0n, Feature.ringPacked].map((format) => Feature.version1 | features | format),
);

describe.each(TRANSPORTS)('a driver of %s', (_what, open) => {
  test.each(COMBINATIONS)('has its chains answered with features 0x%s', async (features) => {
    for (const indirect of [false, (features & Feature.indirectDesc) !== 0n]) {
      const driver = new MockDriver(open(), memory, { features, indirect });
      driver.start();
      for (let round = 0; round < 40; round++) {
        const { data } = await driver.queue(1).send([{ bytes: Uint8Array.of(round, 1) }, { room: 1 }, { room: 9 }]);
        expect(data).toEqual(Uint8Array.of(round + 1, 2));
      }
      expect(driver.queue(1).freeDescriptors).toBe(8);
      await driver.reset();
    }
  });

  test('begins anew after a reset, whatever it had in flight', async () => {
    const driver = new MockDriver(open(), memory);
    driver.start();
    driver.queue().add([{ room: 4 }]);
    await driver.reset();
    driver.start();
    expect((await driver.queue().send([{ bytes: Uint8Array.of(1) }, { room: 4 }])).written).toBe(1);
    await driver.reset();
  });

  test('resets one queue while the other goes on', async () => {
    const driver = new MockDriver(open(), memory, { features: Feature.version1 | Feature.ringReset });
    driver.start();
    await driver.queue(0).send([{ room: 1 }]);
    await driver.resetQueue(0);
    await driver.queue(1).send([{ room: 1 }]);
    driver.startQueue(0);
    expect((await driver.queue(0).send([{ bytes: Uint8Array.of(7) }, { room: 1 }])).data).toEqual(Uint8Array.of(8));
    await driver.reset();
  });

  test('learns that it has broken a rule, and recovers', async () => {
    const driver = new MockDriver(open(), memory);
    driver.start();
    const queue = driver.queue();
    queue.add([{ room: 4 }]);
    queue.ring.descriptors.set(0, { address: 1n << 63n });
    queue.kick();
    await expect.poll(() => driver.transport.needsReset).toBe(true);
    await driver.reset();
    driver.start();
    expect(driver.transport.needsReset).toBe(false);
    expect((await driver.queue().send([{ bytes: Uint8Array.of(1) }, { room: 4 }])).written).toBe(1);
    await driver.reset();
  });
});

test('features that were not offered are refused by those that can refuse', () => {
  for (const transport of [TRANSPORTS[1]![1](), TRANSPORTS[2]![1]()]) {
    const driver = new MockDriver(transport, memory, { features: Feature.version1 | 1n });
    expect(() => driver.start()).toThrow(/refuses features/);
  }
});

test('the ring has as many descriptors as it has', () => {
  const driver = new MockDriver(TRANSPORTS[0]![1](), memory);
  driver.start();
  expect(() => driver.queue().add(Array(9).fill({ room: 1 }))).toThrow(/9 descriptors asked for, 8 left/);
  expect(() => driver.queue(2)).toThrow(/queue 2 has not been started/);
});
