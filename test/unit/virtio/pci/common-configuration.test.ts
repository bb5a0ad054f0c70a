import { describe, expect, test } from 'vitest';
import { CommonCfg, Feature } from '#dist/src/virtio/spec/index.js';
import { machine } from '../support/machine.js';
import type { PciDriver } from '../support/pci-driver.js';

describe('feature negotiation (2.2, 4.1.4.3)', () => {
  test('offers what the device, its queues and the transport can do, in windows of 32 bits', () => {
    const { driver } = machine({ features: (1n << 5n) | (1n << 101n) });
    const { offered } = driver;
    for (const bit of [
      1n << 5n,
      1n << 101n,
      Feature.version1,
      Feature.ringPacked,
      Feature.ringReset,
      Feature.eventIdx,
    ]) {
      expect(offered & bit).toBe(bit);
    }
  });

  test('a window beyond bit 127 reads as zero and takes nothing', () => {
    const { driver, function: pci } = machine({ features: 1n << 127n });
    driver.set32(CommonCfg.deviceFeatureSelect, 4);
    expect(driver.get32(CommonCfg.deviceFeature)).toBe(0);
    driver.set32(CommonCfg.driverFeatureSelect, 0xffffffff);
    driver.set32(CommonCfg.driverFeature, 0xffffffff);
    expect(driver.get32(CommonCfg.driverFeature)).toBe(0);
    expect(pci.refusals.features).toBe(1);
  });

  test('the device is told what the driver accepted', () => {
    const { driver, control } = machine({ features: 1n << 5n });
    const features = Feature.version1 | (1n << 5n) | Feature.ringPacked;
    driver.start(features);
    expect(control.activations[0]!.features).toBe(features);
    expect(control.activations[0]!.queues[0]!.setup.features).toBe(features);
  });

  test('notification data is offered only where it is asked for: a driver that takes it up gets no ioeventfds', () => {
    expect(machine().driver.offered & Feature.notificationData).toBe(0n);
    expect(machine({ notificationData: true }).driver.offered & Feature.notificationData).not.toBe(0n);
  });
});

describe('queue registers (4.1.4.3)', () => {
  test('start with the largest size, and show their queue only', () => {
    const { driver } = machine({ queueSizes: [256, 64] });
    expect(driver.get16(CommonCfg.numQueues)).toBe(2);
    for (const [queue, size] of [256, 64].entries()) {
      driver.set16(CommonCfg.queueSelect, queue);
      expect(driver.get16(CommonCfg.queueSize)).toBe(size);
      expect(driver.get16(CommonCfg.queueNotifyOff)).toBe(queue);
      expect(driver.get16(CommonCfg.queueEnable)).toBe(0);
      expect(driver.get16(CommonCfg.queueMsixVector)).toBe(0xffff);
    }
  });

  test('become the setup of the queue at DRIVER_OK, 64-bit addresses included', () => {
    const { driver, control } = machine();
    driver.negotiate();
    driver.setUpQueue(1, 16);
    driver.ready();
    const { queues } = control.activations[0]!;
    expect(queues.map(({ setup }) => setup)).toEqual([
      {
        index: 1,
        size: 16,
        features: Feature.version1,
        descriptors: 0x14000n,
        driverArea: 0x15000n,
        deviceArea: 0x16000n,
      },
    ]);
  });

  test('keep addresses above 4 GiB', () => {
    const { driver, control } = machine();
    driver.negotiate();
    driver.set32(CommonCfg.queueDesc, 0x80001000);
    driver.set32(CommonCfg.queueDesc + 4, 0xffffffff);
    driver.set16(CommonCfg.queueEnable, 1);
    driver.ready();
    expect(driver.get32(CommonCfg.queueDesc)).toBe(0x80001000);
    expect(driver.get32(CommonCfg.queueDesc + 4)).toBe(0xffffffff);
    expect(control.activations[0]!.queues[0]!.setup.descriptors).toBe(0xffffffff80001000n);
  });

  test.each([
    ['before FEATURES_OK', () => {}],
    ['from the time the queue is enabled', (driver: PciDriver) => driver.negotiate() && driver.setUpQueue(0)],
    ['from DRIVER_OK', (driver: PciDriver) => driver.negotiate() && driver.ready()],
  ])('take no writes %s', (_when, prepare) => {
    const made = machine();
    const { driver } = made;
    prepare(driver);
    const registers = [CommonCfg.queueSize, CommonCfg.queueEnable, CommonCfg.queueDesc, CommonCfg.queueDevice + 4];
    driver.set16(CommonCfg.queueSelect, 0);
    const before = registers.map((offset) => driver.read(4, offset, offset < CommonCfg.queueDesc ? 2 : 4));
    const refused = made.function.refusals.queue;
    driver.set16(CommonCfg.queueSize, 8);
    driver.set16(CommonCfg.queueEnable, 1);
    driver.set32(CommonCfg.queueDesc, 0x5000);
    driver.set32(CommonCfg.queueDevice + 4, 0x5000);
    expect(registers.map((offset) => driver.read(4, offset, offset < CommonCfg.queueDesc ? 2 : 4))).toEqual(before);
    expect(made.function.refusals.queue).toBe(refused + 4);
  });

  test('a size the queue cannot have leaves the size as it was (4.1.4.3.2)', () => {
    const { driver } = machine({ queueSizes: [256] });
    driver.negotiate();
    for (const size of [0, 3, 100, 257, 512, 32768, 65535]) {
      driver.set16(CommonCfg.queueSize, size);
      expect(driver.get16(CommonCfg.queueSize)).toBe(256);
    }
    driver.set16(CommonCfg.queueSize, 1);
    expect(driver.get16(CommonCfg.queueSize)).toBe(1);
  });

  test('a packed ring may have any size up to the largest (2.8)', () => {
    const { driver } = machine({ queueSizes: [256] });
    driver.negotiate(Feature.version1 | Feature.ringPacked);
    driver.set16(CommonCfg.queueSize, 100);
    expect(driver.get16(CommonCfg.queueSize)).toBe(100);
    driver.set16(CommonCfg.queueSize, 257);
    expect(driver.get16(CommonCfg.queueSize)).toBe(100);
  });

  test('queue_enable is never taken back by writing zero (4.1.4.3.2)', () => {
    const { driver } = machine();
    driver.negotiate();
    driver.set16(CommonCfg.queueEnable, 2);
    expect(driver.get16(CommonCfg.queueEnable)).toBe(0);
    driver.set16(CommonCfg.queueEnable, 1);
    driver.set16(CommonCfg.queueEnable, 0);
    expect(driver.get16(CommonCfg.queueEnable)).toBe(1);
  });
});

describe('queue reset (2.6.1)', () => {
  const features = Feature.version1 | Feature.ringReset;

  test('reads as one until nothing is in flight, then as zero like queue_enable', () => {
    const { driver, control } = machine({ slow: true });
    driver.start(features);
    driver.set16(CommonCfg.queueSelect, 1);
    driver.set16(CommonCfg.queueMsixVector, 1);
    driver.set16(CommonCfg.queueReset, 1);
    expect(driver.get16(CommonCfg.queueReset)).toBe(1);
    driver.kick(1);
    control.finish();
    expect(driver.get16(CommonCfg.queueReset)).toBe(0);
    expect(driver.get16(CommonCfg.queueEnable)).toBe(0);
    expect(driver.get16(CommonCfg.queueMsixVector)).toBe(0xffff);
    expect(control.kicks).toEqual([]);
  });

  test('lets the driver set the queue up anew, and start it, while the others run', () => {
    const { driver, control } = machine();
    driver.start(features);
    driver.set16(CommonCfg.queueSelect, 1);
    driver.set16(CommonCfg.queueReset, 1);
    driver.kick(1);
    driver.kick(0);
    expect(control.kicks).toEqual([0]);
    driver.setUpQueue(1, 8);
    expect(control.started.map(({ setup }) => [setup.index, setup.size])).toEqual([[1, 8]]);
    driver.kick(1);
    expect(control.kicks).toEqual([0, 1]);
  });

  test.each([
    ['without VIRTIO_F_RING_RESET', Feature.version1, 0, 1],
    ['of no queue', features, 7, 1],
    ['by a value other than one', features, 0, 2],
  ])('%s is refused', (_name, accepted, queue, value) => {
    const { driver, function: pci } = machine();
    driver.start(accepted);
    driver.set16(CommonCfg.queueSelect, queue);
    driver.set16(CommonCfg.queueReset, value);
    expect(driver.get16(CommonCfg.queueReset)).toBe(0);
    expect(pci.refusals.queue).toBe(1);
  });

  test('during a device reset ends with it', () => {
    const { driver, control } = machine({ slow: true });
    driver.start(features);
    driver.set16(CommonCfg.queueSelect, 0);
    driver.set16(CommonCfg.queueReset, 1);
    driver.status = 0;
    control.finish();
    expect(driver.status).toBe(0);
    expect(driver.get16(CommonCfg.queueReset)).toBe(0);
  });
});
