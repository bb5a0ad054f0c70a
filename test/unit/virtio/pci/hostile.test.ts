/** What hostile drivers do to registers and interrupts: cases 41 to 47 of the list in reference/hostile-input.md. */

import { describe, expect, test } from 'vitest';
import { CommonCfg, DeviceStatus, DeviceType, Feature, LegacyCfg } from '#dist/src/virtio/spec/index.js';
import { machine } from '../support/machine.js';

const { acknowledge, driver: driverBit, driverOk, featuresOk } = DeviceStatus;
const ALL = acknowledge | driverBit | featuresOk | driverOk;

/** The device still does its work: a reset, a start, a kick, an interrupt. */
function stillWorks({ driver, control, sink }: ReturnType<typeof machine>): void {
  const { kicks } = control;
  driver.start();
  expect(driver.status).toBe(ALL);
  driver.kick(0);
  expect(kicks.at(-1)).toBe(0);
  driver.enableMsix({ enable: false });
  control.interrupts!.callQueue(0);
  expect(sink.pin).toBe(true);
  driver.readIsr();
}

describe('case 41: queue_select out of range, together with writes to queue registers', () => {
  test.each([2, 3, 0x7fff, 0x8000, 0xffff])('queue %i does not exist: it reads as zero and takes nothing', (queue) => {
    const made = machine();
    const { driver, function: pci } = made;
    driver.negotiate();
    driver.set16(CommonCfg.queueSelect, queue);
    const writes16 = [CommonCfg.queueSize, CommonCfg.queueMsixVector, CommonCfg.queueEnable, CommonCfg.queueReset];
    for (const offset of writes16) driver.set16(offset, 1);
    for (const offset of [CommonCfg.queueDesc, CommonCfg.queueDriver, CommonCfg.queueDevice])
      driver.set32(offset, 0x1000);
    expect(pci.refusals.queue).toBe(7);
    expect(driver.get16(CommonCfg.queueSize)).toBe(0);
    expect(driver.get16(CommonCfg.queueMsixVector)).toBe(0xffff);
    expect(driver.get16(CommonCfg.queueEnable)).toBe(0);
    expect(driver.get32(CommonCfg.queueDesc)).toBe(0);
    for (const other of [0, 1]) {
      driver.set16(CommonCfg.queueSelect, other);
      expect(driver.get16(CommonCfg.queueMsixVector)).toBe(0xffff);
      expect(driver.get16(CommonCfg.queueSize)).toBe(other === 0 ? 256 : 64);
    }
    stillWorks(made);
  });

  test('a legacy driver that selects no queue reaches none', () => {
    const made = machine({ deviceType: DeviceType.block, transitional: true });
    const { driver, control } = made;
    driver.enableMsix();
    driver.write(0, LegacyCfg.deviceStatus, 1, acknowledge | driverBit);
    driver.write(0, LegacyCfg.queueSelect, 2, 0xffff);
    driver.write(0, LegacyCfg.queueAddress, 4, 0x100);
    driver.write(0, LegacyCfg.queueMsixVector, 2, 1);
    driver.write(0, LegacyCfg.deviceStatus, 1, acknowledge | driverBit | driverOk);
    expect(driver.read(0, LegacyCfg.queueSize, 2)).toBe(0);
    expect(driver.read(0, LegacyCfg.queueMsixVector, 2)).toBe(0xffff);
    expect(control.activations[0]!.queues).toEqual([]);
    driver.write(0, LegacyCfg.deviceStatus, 1, 0);
    stillWorks(made);
  });
});

describe('case 42: accesses to the MSI-X table and pending bits of odd size or across entries', () => {
  test('aligned accesses of 4 and 8 bytes work, all others read as all ones and write nothing', () => {
    const made = machine({ vectors: 3 });
    const { driver, function: pci } = made;
    const { table, pending } = driver.msixPlaces;
    for (const vector of [0, 1, 2]) driver.setVector(vector, { masked: true });
    const { device } = pci.regions.find(({ bar }) => bar === table.bar)!;
    const contents = () => Array.from({ length: 12 }, (_, word) => driver.read(table.bar, table.offset + 4 * word, 4));
    const before = contents();
    for (let offset = -1; offset < 64; offset++) {
      for (const size of [1, 2, 4]) {
        if (size === 4 && offset % 4 === 0 && offset >= 0 && offset < 48) continue;
        expect(device.read(table.offset + offset, size) | 0).toBe(-1);
        device.write(table.offset + offset, size, 0);
        if (size === 4 && offset === 0) continue;
        expect(device.read(pending.offset + offset + 1, 2) | 0).toBe(-1);
      }
    }
    expect(contents()).toEqual(before);
    stillWorks(made);
  });

  test('beyond the last entry there is nothing, and beyond the pending bits neither', () => {
    const { driver } = machine({ vectors: 3 });
    const { table, pending } = driver.msixPlaces;
    expect(driver.read(table.bar, table.offset + 48, 4)).toBe(0xffffffff);
    expect(driver.read(pending.bar, pending.offset + 8, 4)).toBe(0xffffffff);
    driver.write(pending.bar, pending.offset + 8, 4, 1);
    expect(driver.read(pending.bar, 0xfff, 1)).toBe(0xff);
  });
});

describe('case 43: a vector that is released and used; a masked interrupt that must not be lost', () => {
  test('a queue whose vector was taken away, or given to another, never signals the old one', () => {
    const made = machine();
    const { driver, control, sink } = made;
    driver.enableMsix();
    for (const vector of [0, 1, 2]) driver.setVector(vector);
    driver.start();
    driver.set16(CommonCfg.queueSelect, 0);
    driver.set16(CommonCfg.queueMsixVector, 1);
    driver.set16(CommonCfg.queueMsixVector, 0xffff);
    control.interrupts!.callQueue(0);
    expect(sink.take()).toEqual([]);
    driver.set16(CommonCfg.queueMsixVector, 1);
    driver.set16(CommonCfg.queueSelect, 1);
    driver.set16(CommonCfg.queueMsixVector, 1);
    control.interrupts!.callQueue(0);
    control.interrupts!.callQueue(1);
    expect(sink.take()).toEqual([1, 1]);
  });

  test('an interrupt that comes while the driver changes the entry is delivered by the new one', () => {
    const { driver, control, sink } = machine();
    driver.enableMsix();
    driver.setVector(1);
    driver.start();
    driver.set16(CommonCfg.queueSelect, 0);
    driver.set16(CommonCfg.queueMsixVector, 1);
    driver.mask(1, true);
    control.interrupts!.callQueue(0);
    driver.setVector(1, { data: 0x55 });
    expect(sink.sent).toEqual([{ vector: 1, address: 0xfee00000n, data: 0x55 }]);
  });

  test('MSI-X turned off and on again with something pending loses nothing', () => {
    const { driver, control, sink } = machine();
    driver.enableMsix({ functionMask: true });
    driver.setVector(1);
    driver.start();
    driver.set16(CommonCfg.queueSelect, 0);
    driver.set16(CommonCfg.queueMsixVector, 1);
    control.interrupts!.callQueue(0);
    driver.enableMsix({ enable: false });
    expect(sink.take()).toEqual([]);
    driver.enableMsix();
    expect(sink.take()).toEqual([1]);
  });

  test('a function without MSI-X takes no vectors and uses its pin', () => {
    const { driver, control, sink } = machine({ vectors: 0 });
    driver.start();
    driver.set16(CommonCfg.configMsixVector, 0);
    expect(driver.get16(CommonCfg.configMsixVector)).toBe(0xffff);
    control.interrupts!.callConfig();
    expect([sink.take(), sink.pin]).toEqual([[], true]);
  });
});

describe('case 44: notifications of queues that do not exist', () => {
  test.each([2, 3, 0x100, 0x3ff])('place %i of the notification window', (queue) => {
    const made = machine();
    made.driver.start();
    made.driver.kick(queue);
    expect(made.control.kicks).toEqual([]);
    expect(made.function.refusals.kick).toBe(1);
    stillWorks(made);
  });

  test.each([2, 0x7fff, 0x8000, 0xffff])('index %i at the legacy doorbell', (queue) => {
    const made = machine({ deviceType: DeviceType.block, transitional: true });
    const { driver, control } = made;
    driver.write(0, LegacyCfg.deviceStatus, 1, acknowledge | driverBit);
    driver.write(0, LegacyCfg.queueAddress, 4, 0x100);
    driver.write(0, LegacyCfg.deviceStatus, 1, acknowledge | driverBit | driverOk);
    driver.write(0, LegacyCfg.queueNotify, 2, queue);
    expect(control.kicks).toEqual([]);
    driver.write(0, LegacyCfg.deviceStatus, 1, 0);
    stillWorks(made);
  });

  test.each([0x8000ffff, 0xffffffff, 0x00000001])('notification data 0x%s that names another queue', (value) => {
    const { driver, control } = machine({ notificationData: true });
    driver.start(Feature.version1 | Feature.notificationData);
    driver.kick(0, 4, value);
    expect(control.kicks).toEqual([]);
  });
});

describe('case 45: configuration space by offsets that wrap, partial widths, and the PCI configuration access capability', () => {
  const config = Uint8Array.from({ length: 8 }, (_, index) => index + 1);

  test('the last bytes can be read and written, one byte further nothing', () => {
    const made = machine({ config });
    const { driver, control } = made;
    const at = driver.device!.offset;
    expect(driver.read(4, at + 4, 4)).toBe(0x08070605);
    expect(driver.read(4, at + 7, 1)).toBe(8);
    for (const [offset, size] of [
      [5, 4],
      [7, 2],
      [8, 1],
    ] as const) {
      expect(driver.read(4, at + offset, size)).toBe(2 ** (8 * size) - 1);
      driver.write(4, at + offset, size, 0);
    }
    expect(control.configWrites).toEqual([]);
    stillWorks(made);
  });

  test('the legacy BAR ends where configuration ends', () => {
    const { driver, control } = machine({ config, deviceType: DeviceType.block, transitional: true });
    expect(driver.read(0, 20 + 7, 1)).toBe(8);
    expect(driver.read(0, 20 + 7, 2)).toBe(0xffff);
    driver.write(0, 20 + 6, 4, 0);
    driver.write(0, 18, 4, 0);
    expect(control.configWrites).toEqual([]);
  });

  test.each([
    ['an offset that wraps with the length', 4, 0xfffffffc, 4],
    ['the largest offset', 4, 0xffffffff, 1],
    ['an offset that is not a multiple of the length', 4, 2, 4],
    ['a length of zero', 4, 0, 0],
    ['a length of three', 4, 0, 3],
    ['a length of eight', 4, 0, 8],
    ['the largest length', 4, 0, 0xffffffff],
    ['the MSI-X table, which no virtio capability describes', 1, 0, 4],
    ['a BAR that is not there', 2, 0, 4],
    ['a BAR number beyond all BARs', 255, 0, 4],
    ['the end of a window', 4, 0x3c, 4],
    ['the page between windows', 4, 0x800, 4],
  ])('PCI_CFG with %s reads as all ones and writes nothing', (_name, bar, offset, length) => {
    const made = machine({ config });
    const { driver, function: pci } = made;
    const data = driver.pciCfg + 16;
    driver.writeConfig(driver.pciCfg + 4, 1, bar);
    driver.writeConfig(driver.pciCfg + 8, 4, offset);
    driver.writeConfig(driver.pciCfg + 12, 4, length);
    expect(driver.config(data, 4)).toBe(0xffffffff);
    driver.writeConfig(data, 4, 0xffffffff);
    expect(pci.refusals.pciCfg).toBe(2);
    stillWorks(made);
  });

  test('a change is never shown under the old generation', () => {
    const { driver, control } = machine({ config });
    const before = driver.generation;
    control.config.publish(new Uint8Array(8));
    expect(driver.generation).not.toBe(before);
  });
});

describe('case 46: features that were not offered or not accepted; writes after FEATURES_OK', () => {
  test.each([0n, 5n, 24n, 31n, 33n, 50n, 63n, 64n, 127n])('feature bit %i, not offered, is not accepted', (bit) => {
    const made = machine();
    expect(made.driver.negotiate(Feature.version1 | (1n << bit))).toBe(false);
    made.driver.ready();
    expect(made.control.activations).toEqual([]);
    stillWorks(made);
  });

  test('what is written after FEATURES_OK changes nothing', () => {
    const { driver, control, function: pci } = machine({ features: 1n << 5n });
    driver.negotiate(Feature.version1 | (1n << 5n));
    driver.accept(Feature.version1);
    driver.ready();
    driver.accept(Feature.version1);
    expect(control.activations[0]!.features).toBe(Feature.version1 | (1n << 5n));
    expect(pci.refusals.features).toBe(8);
  });

  test('bit 31 and bit 63 are as good as any', () => {
    const bits = (1n << 31n) | (1n << 63n);
    const { driver, control } = machine({ features: bits });
    expect(driver.offered & bits).toBe(bits);
    driver.start(Feature.version1 | bits);
    expect(control.activations[0]!.features & bits).toBe(bits);
  });

  test('queue reset and notification data without their features do nothing', () => {
    const { driver, control } = machine({ notificationData: true });
    driver.start();
    driver.set16(CommonCfg.queueReset, 1);
    driver.kick(0, 4, 0x00050001);
    expect(driver.get16(CommonCfg.queueEnable)).toBe(1);
    expect(control.kicks).toEqual([0]);
  });
});

describe('case 47: illegal moves of the device status', () => {
  test('DRIVER_OK before FEATURES_OK does not start the device', () => {
    const made = machine();
    const { driver, control } = made;
    driver.status = acknowledge | driverBit;
    driver.status = acknowledge | driverBit | driverOk;
    driver.status = driverOk;
    expect(control.activations).toEqual([]);
    stillWorks(made);
  });

  test('a second DRIVER_OK does not start it again', () => {
    const made = machine();
    made.driver.start();
    made.driver.ready();
    made.driver.ready();
    expect(made.control.activations).toHaveLength(1);
    stillWorks(made);
  });

  test('clearing DRIVER_OK without a reset does not stop it', () => {
    const made = machine();
    const { driver, control } = made;
    driver.start();
    driver.status = acknowledge | driverBit | featuresOk;
    expect(driver.status).toBe(ALL);
    expect(control.resets).toBe(0);
    stillWorks(made);
  });

  test('from every status, every value written leads to a status that the specification knows', () => {
    const allowed = new Set([0, 1, 3, 11, 15].flatMap((status) => [status, status | 128]));
    for (let written = 0; written < 256; written++) {
      const { driver } = machine();
      driver.accept(Feature.version1);
      for (const status of [written, 1, written, 3, written, 11, written, 15, written]) driver.status = status;
      expect(allowed).toContain(driver.status);
    }
  });
});
