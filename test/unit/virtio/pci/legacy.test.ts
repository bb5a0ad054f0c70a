import { describe, expect, test } from 'vitest';
import { DeviceStatus, DeviceType, Feature, IsrStatus, LegacyCfg } from '#dist/src/virtio/spec/index.js';
import { type MachineOptions, machine } from '../support/machine.js';

const { acknowledge, driver: driverBit, driverOk, featuresOk } = DeviceStatus;

/** A transitional device behind its I/O BAR. */
function legacy(options: MachineOptions = {}) {
  const made = machine({ deviceType: DeviceType.network, transitional: true, config: new Uint8Array(12), ...options });
  const read = (offset: number, size: number) => made.driver.read(0, offset, size);
  const write = (offset: number, size: number, value: number) => made.driver.write(0, offset, size, value);
  const start = (features = 0) => {
    write(LegacyCfg.deviceStatus, 1, acknowledge);
    write(LegacyCfg.deviceStatus, 1, acknowledge | driverBit);
    write(LegacyCfg.driverFeatures, 4, features);
    write(LegacyCfg.queueSelect, 2, 1);
    write(LegacyCfg.queueAddress, 4, 0x123);
    write(LegacyCfg.deviceStatus, 1, acknowledge | driverBit | driverOk);
  };
  return { ...made, read, write, start };
}

describe('the legacy interface of a transitional device (4.1.4.10)', () => {
  test('starts a device without FEATURES_OK, with the rings of the legacy layout (2.7.2)', () => {
    const { control, start, read } = legacy({ queueSizes: [256, 256] });
    start();
    expect(control.activations).toHaveLength(1);
    const { setup } = control.activations[0]!.queues[0]!;
    expect(setup).toEqual({
      index: 1,
      size: 256,
      features: 0n,
      descriptors: 0x123000n,
      driverArea: 0x124000n,
      deviceArea: 0x125000n,
    });
    expect(read(LegacyCfg.queueAddress, 4)).toBe(0x123);
    expect(read(LegacyCfg.deviceStatus, 1)).toBe(acknowledge | driverBit | driverOk);
  });

  test('a queue at the last page a driver can name has its areas above 4 GiB', () => {
    const { control, write } = legacy({ queueSizes: [256] });
    write(LegacyCfg.deviceStatus, 1, acknowledge | driverBit);
    write(LegacyCfg.queueAddress, 4, 0xffffffff);
    write(LegacyCfg.deviceStatus, 1, acknowledge | driverBit | driverOk);
    const { setup } = control.activations[0]!.queues[0]!;
    expect([setup.descriptors, setup.deviceArea]).toEqual([0xffffffff000n, 0x100000001000n]);
  });

  test('offers the lower 32 bits, with ANY_LAYOUT, and takes of the driver only what was offered', () => {
    const { control, read, start } = legacy({ features: 1n << 5n });
    const offered = read(LegacyCfg.deviceFeatures, 4);
    expect(offered & (1 << 27)).toBe(1 << 27);
    expect(offered & (1 << 5)).toBe(1 << 5);
    start(0xffffffff);
    expect(control.activations[0]!.features).toBe(BigInt(offered));
    expect(control.activations[0]!.features & Feature.version1).toBe(0n);
  });

  test('the doorbell takes the index of the queue as its value', () => {
    const { control, start, write, function: pci } = legacy();
    start();
    write(LegacyCfg.queueNotify, 2, 1);
    write(LegacyCfg.queueNotify, 2, 0);
    write(LegacyCfg.queueNotify, 2, 2);
    expect(control.kicks).toEqual([1]);
    expect(pci.refusals.kick).toBe(2);
  });

  test('device configuration moves by four bytes when MSI-X is enabled, and vectors appear (4.1.4.10)', () => {
    const config = Uint8Array.from({ length: 12 }, (_, index) => index + 1);
    const { driver, read, write } = legacy({ config });
    expect(read(20, 4)).toBe(0x04030201);
    driver.enableMsix();
    expect(read(LegacyCfg.configMsixVector, 2)).toBe(0xffff);
    write(LegacyCfg.configMsixVector, 2, 2);
    expect(read(LegacyCfg.configMsixVector, 2)).toBe(2);
    write(LegacyCfg.queueMsixVector, 2, 99);
    expect(read(LegacyCfg.queueMsixVector, 2)).toBe(0xffff);
    expect(read(24, 4)).toBe(0x04030201);
    expect(read(35, 1)).toBe(12);
    expect(read(36, 1)).toBe(0xff);
  });

  test('ISR status is read and cleared', () => {
    const { control, start, read, sink } = legacy();
    start();
    control.interrupts!.callQueue(1);
    expect(read(LegacyCfg.isrStatus, 1)).toBe(IsrStatus.queue);
    expect(read(LegacyCfg.isrStatus, 1)).toBe(0);
    expect(sink.pin).toBe(false);
  });

  test('a queue can be taken back before DRIVER_OK, and not be changed after', () => {
    const { control, write, read, function: pci } = legacy();
    write(LegacyCfg.deviceStatus, 1, acknowledge | driverBit);
    write(LegacyCfg.queueAddress, 4, 7);
    write(LegacyCfg.queueAddress, 4, 0);
    write(LegacyCfg.deviceStatus, 1, acknowledge | driverBit | driverOk);
    expect(control.activations[0]!.queues).toEqual([]);
    write(LegacyCfg.queueAddress, 4, 9);
    write(LegacyCfg.driverFeatures, 4, 1);
    expect(read(LegacyCfg.queueAddress, 4)).toBe(0);
    expect([pci.refusals.queue, pci.refusals.features]).toEqual([1, 1]);
  });

  test('FEATURES_OK does not exist there', () => {
    const { write, read, function: pci } = legacy();
    write(LegacyCfg.deviceStatus, 1, acknowledge | driverBit | featuresOk);
    expect(read(LegacyCfg.deviceStatus, 1)).toBe(acknowledge | driverBit);
    expect(pci.refusals.status).toBe(1);
  });

  test('a reset is done when its write returns: a legacy driver goes on at once, where a modern one would ask', () => {
    const { driver, control, write, read, start } = legacy({ slow: true });
    start();
    write(LegacyCfg.deviceStatus, 1, 0);
    expect(control.finished).toBe(1);
    expect(read(LegacyCfg.deviceStatus, 1)).toBe(0);
    start();
    expect(control.activations).toHaveLength(2);
    driver.status = 0;
    expect(control.finished).toBe(1);
    expect(driver.status).not.toBe(0);
    control.finish();
    expect(driver.status).toBe(0);
  });

  test('one driver uses one interface: the other takes nothing until the next reset', () => {
    const { driver, control, write, start, function: pci } = legacy();
    driver.start();
    write(LegacyCfg.deviceStatus, 1, acknowledge | driverBit | driverOk);
    write(LegacyCfg.queueAddress, 4, 1);
    write(LegacyCfg.queueNotify, 2, 0);
    write(LegacyCfg.driverFeatures, 4, 1);
    expect(pci.refusals).toMatchObject({ status: 1, queue: 1, kick: 1, features: 1 });
    write(LegacyCfg.deviceStatus, 1, 0);
    start();
    driver.kick(1);
    driver.accept(Feature.version1);
    driver.set16(0x1c, 1);
    expect(control.activations).toHaveLength(2);
    expect(control.kicks).toEqual([]);
  });

  test('a BAR is no larger than I/O BARs may be; configuration beyond it is out of reach', () => {
    const { driver, function: pci } = legacy({ config: new Uint8Array(4096).fill(7) });
    expect(pci.bars.find(({ index }) => index === 0)!.size).toBe(256);
    expect(driver.read(0, 255, 1)).toBe(7);
  });
});
