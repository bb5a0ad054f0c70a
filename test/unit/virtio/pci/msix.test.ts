import { describe, expect, test } from 'vitest';
import { CommonCfg, IsrStatus } from '#dist/src/virtio/spec/index.js';
import { machine } from '../support/machine.js';

/** A started device with MSI-X on: vector 0 for configuration changes, vector n + 1 for queue n. */
function started(options: Parameters<typeof machine>[0] = {}) {
  const made = machine(options);
  const { driver, control } = made;
  driver.enableMsix();
  for (const vector of [0, 1, 2]) driver.setVector(vector);
  driver.negotiate();
  driver.set16(CommonCfg.configMsixVector, 0);
  for (const queue of [0, 1]) {
    driver.setUpQueue(queue);
    driver.set16(CommonCfg.queueMsixVector, queue + 1);
  }
  driver.ready();
  return { ...made, interrupts: control.interrupts! };
}

describe('MSI-X (PCI 3.0, 6.8.2; 4.1.5.1.2)', () => {
  test('each event sends the message of its vector', () => {
    const { interrupts, sink } = started();
    interrupts.callQueue(1);
    interrupts.callConfig();
    interrupts.callQueue(0);
    expect(sink.sent).toEqual([
      { vector: 2, address: 0xfee00000n, data: 0x42 },
      { vector: 0, address: 0xfee00000n, data: 0x40 },
      { vector: 1, address: 0xfee00000n, data: 0x41 },
    ]);
    expect(sink.pin).toBe(false);
  });

  test('an event without a vector sends nothing', () => {
    const { driver, interrupts, sink } = started();
    driver.set16(CommonCfg.queueSelect, 0);
    driver.set16(CommonCfg.queueMsixVector, 0xffff);
    interrupts.callQueue(0);
    expect(sink.take()).toEqual([]);
  });

  test('a vector that the table does not have reads back as none (4.1.5.1.2.1)', () => {
    const { driver } = started();
    driver.set16(CommonCfg.queueSelect, 0);
    for (const vector of [3, 0x800, 0xfffe]) {
      driver.set16(CommonCfg.queueMsixVector, 1);
      driver.set16(CommonCfg.queueMsixVector, vector);
      expect(driver.get16(CommonCfg.queueMsixVector)).toBe(0xffff);
      driver.set16(CommonCfg.configMsixVector, vector);
      expect(driver.get16(CommonCfg.configMsixVector)).toBe(0xffff);
    }
  });

  test('vectors start masked', () => {
    const { driver } = machine();
    const { table } = driver.msixPlaces;
    expect(driver.read(table.bar, table.offset + 12, 4)).toBe(1);
  });

  test('a masked vector is pending, not lost: unmasking it sends one message', () => {
    const { driver, interrupts, sink } = started();
    driver.mask(1, true);
    interrupts.callQueue(0);
    interrupts.callQueue(0);
    expect(sink.take()).toEqual([]);
    expect(driver.pending).toBe(0b10);
    driver.mask(1, false);
    expect(sink.take()).toEqual([1]);
    expect(driver.pending).toBe(0);
  });

  test('the message sent on unmasking is the one that is in the table then', () => {
    const { driver, interrupts, sink } = started();
    driver.mask(1, true);
    interrupts.callQueue(0);
    driver.setVector(1, { address: 0x1_fee01004n, data: 0x99 });
    expect(sink.sent).toEqual([{ vector: 1, address: 0x1_fee01004n, data: 0x99 }]);
  });

  test('the function mask holds all vectors back, and lets go of them at once', () => {
    const { driver, interrupts, sink } = started();
    driver.enableMsix({ functionMask: true });
    interrupts.callQueue(0);
    interrupts.callConfig();
    expect(sink.take()).toEqual([]);
    expect(driver.pending).toBe(0b11);
    driver.enableMsix({ functionMask: false });
    expect(sink.take()).toEqual([0, 1]);
  });

  test('a vector masked by both is sent when the second mask goes', () => {
    const { driver, interrupts, sink } = started();
    driver.mask(1, true);
    driver.enableMsix({ functionMask: true });
    interrupts.callQueue(0);
    driver.mask(1, false);
    expect(sink.take()).toEqual([]);
    driver.enableMsix();
    expect(sink.take()).toEqual([1]);
  });

  test('pending bits of 70 vectors are in their words', () => {
    const { driver, control } = machine({ queueSizes: Array(69).fill(16), vectors: 70 });
    driver.enableMsix();
    driver.negotiate();
    for (const queue of [30, 31, 63, 68]) {
      driver.setUpQueue(queue);
      driver.set16(CommonCfg.queueMsixVector, queue + 1);
    }
    driver.ready();
    for (const queue of [30, 31, 63, 68]) control.interrupts!.callQueue(queue);
    const { pending } = driver.msixPlaces;
    const words = [0, 4, 8, 12].map((at) => driver.read(pending.bar, pending.offset + at, 4));
    expect(words).toEqual([0x80000000, 1, 1 | (1 << 5), 0]);
    driver.write(pending.bar, pending.offset, 4, 0);
    expect(driver.read(pending.bar, pending.offset, 4)).toBe(0x80000000);
  });

  test('a device reset unmaps vectors and drops what is pending; the table stays', () => {
    const { driver, interrupts, sink } = started();
    driver.mask(1, true);
    interrupts.callQueue(0);
    driver.status = 0;
    expect(driver.pending).toBe(0);
    driver.mask(1, false);
    expect(sink.take()).toEqual([]);
    const { table } = driver.msixPlaces;
    expect(driver.read(table.bar, table.offset + 16 + 8, 4)).toBe(0x41);
    driver.set16(CommonCfg.queueSelect, 0);
    expect(driver.get16(CommonCfg.queueMsixVector)).toBe(0xffff);
  });

  test('a vector is routed before it can be signalled, and again only when its message has changed', () => {
    const { driver, sink } = started();
    const routed = sink.routes.filter(({ vector }) => vector === 1).at(-1);
    expect(routed).toEqual({ vector: 1, address: 0xfee00000n, data: 0x41 });
    sink.routes.length = 0;
    driver.mask(1, true);
    driver.mask(1, false);
    expect(sink.routes).toEqual([]);
    driver.mask(1, true);
    driver.setVector(1, { data: 0x77 });
    expect(sink.routes).toEqual([{ vector: 1, address: 0xfee00000n, data: 0x77 }]);
  });

  test('a sink that fails is counted, and the next interrupt works', () => {
    const { interrupts, sink } = started();
    const { signal } = sink;
    sink.signal = () => {
      throw new Error('gone');
    };
    interrupts.callQueue(0);
    sink.signal = signal;
    interrupts.callQueue(1);
    expect(interrupts.failures).toBe(1);
    expect(sink.take()).toEqual([2]);
  });
});

describe('INTA# and ISR status (4.1.4.5)', () => {
  test('ISR status says why, and reading it clears it and releases the pin', () => {
    const { driver, control, sink } = machine();
    driver.start();
    control.interrupts!.callQueue(1);
    expect(sink.pin).toBe(true);
    control.interrupts!.callConfig();
    expect(driver.readIsr()).toBe(IsrStatus.queue | IsrStatus.config);
    expect(sink.pin).toBe(false);
    expect(driver.readIsr()).toBe(0);
    expect(sink.levels).toEqual([true, false]);
  });

  test('Interrupt Disable holds the pin back, but not ISR status nor Interrupt Status (PCI 3.0, 6.2.2)', () => {
    const { driver, control, sink } = machine();
    driver.start();
    driver.writeConfig(4, 2, 1 << 10);
    control.interrupts!.callQueue(0);
    expect(sink.pin).toBe(false);
    expect(driver.config(6, 2) & 8).toBe(8);
    driver.writeConfig(4, 2, 0);
    expect(sink.pin).toBe(true);
    expect(driver.readIsr()).toBe(IsrStatus.queue);
    expect(driver.config(6, 2) & 8).toBe(0);
  });

  test('is left alone while MSI-X is on; turning that on releases the pin', () => {
    const { driver, control, sink } = machine();
    driver.start();
    control.interrupts!.callQueue(0);
    expect(sink.pin).toBe(true);
    driver.enableMsix();
    expect(sink.pin).toBe(false);
    control.interrupts!.callQueue(0);
    expect(sink.pin).toBe(false);
    driver.enableMsix({ enable: false });
    expect(sink.pin).toBe(true);
  });

  test('a device reset releases it', () => {
    const { driver, control, sink } = machine();
    driver.start();
    control.interrupts!.callQueue(0);
    driver.status = 0;
    expect(sink.pin).toBe(false);
    expect(driver.readIsr()).toBe(0);
  });
});
