/** The entropy device (5.4). */

import { DeviceType, MAX_REQUEST_BYTES } from 'ioregion/virtio';
import { expect, it, onTestFinished } from 'vitest';
import createEntropyDevice, { EntropyDevice } from '#dist/src/virtio/devices/rng/index.js';
import { DirectDriver } from '../../../../support/direct-driver.js';

function open() {
  const device = createEntropyDevice();
  const driver = new DirectDriver(device);
  onTestFinished(() => driver.close());
  return { device, driver };
}

/** Bytes that are not zero: of n random ones about n / 256 are. */
const nonZero = (data: Uint8Array) => data.filter((byte) => byte !== 0).length;

it('is device 4 with one queue, no features and no configuration (5.4.1 to 5.4.4)', () => {
  const device = new EntropyDevice();
  expect([device.deviceType, device.features, device.config.bytes.length]).toEqual([DeviceType.entropy, 0n, 0]);
  expect(device.queueSizes).toHaveLength(1);
});

it('fills a buffer with bytes that are new each time', async () => {
  const { driver, device } = open();
  const [first, second] = [await driver.send([{ room: 256 }]), await driver.send([{ room: 256 }])];
  expect([first.written, second.written]).toEqual([256, 256]);
  expect(nonZero(first.data)).toBeGreaterThan(200);
  expect(first.data).not.toEqual(second.data);
  expect(device.counters).toEqual({ requests: 2, bytes: 512, malformed: 0 });
});

it('fills buffers of several pieces, down to one byte each', async () => {
  const { driver } = open();
  const { written, data } = await driver.send(Array.from({ length: 200 }, () => ({ room: 1 })));
  expect([written, data.length]).toEqual([200, 200]);
  expect(nonZero(data)).toBeGreaterThan(150);
});

it('gives no more than it keeps ready, however large the buffer (hostile 31)', async () => {
  const { driver } = open();
  const { written, data } = await driver.send([{ room: 100_000 }, { room: 4 * 1024 * 1024 }]);
  expect(written).toBe(MAX_REQUEST_BYTES);
  expect(nonZero(data.subarray(0, written))).toBeGreaterThan(MAX_REQUEST_BYTES * 0.9);
  expect(nonZero(data.subarray(written))).toBe(0);
});

it('gives back a buffer without room, and counts it (5.4.6.1)', async () => {
  const { driver, device } = open();
  const { written } = await driver.send([{ bytes: Uint8Array.of(1, 2, 3) }]);
  expect([written, device.counters.malformed]).toEqual([0, 1]);
  expect((await driver.send([{ room: 8 }])).written).toBe(8);
});

it('does not write through what the driver made readable', async () => {
  const { driver } = open();
  await driver.send([{ bytes: new Uint8Array(64).fill(7), gpa: 0x300000 }, { room: 64 }]);
  expect(driver.memory.read(0x300000, 64)).toEqual(new Uint8Array(64).fill(7));
});

it('answers a full ring in one kick, and a kick that has nothing', async () => {
  const { driver } = open();
  const answers = Array.from({ length: 256 }, () => driver.add([{ room: 16 }]));
  driver.kick();
  expect((await Promise.all(answers)).every(({ written }) => written === 16)).toBe(true);
  driver.device.kick(0);
  expect(driver.inFlight()).toBe(0);
});

it('stops, restarts, and ignores kicks in between', async () => {
  const { driver, device } = open();
  await driver.reset();
  device.kick(0);
  driver.start();
  expect((await driver.send([{ room: 32 }])).written).toBe(32);
});

it('lets other queues of the thread have their turn when the driver never stops asking', async () => {
  const { driver } = open();
  let turns = 0;
  const ask = () => {
    if (turns < 3) void driver.add([{ room: 1 }]).then(() => {});
    driver.publish();
  };
  const engine = driver.engine();
  const flush = engine.flush.bind(engine);
  engine.flush = () => {
    flush();
    ask();
  };
  ask();
  driver.kick();
  for (; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
  expect(turns).toBe(3);
  await driver.stop();
});
