/** Host notifiers as the transport drives them (design: DRIVER_OK assigns, reset and migration deassign). */

import { describe, expect, test } from 'vitest';
import { CommonCfg, DeviceStatus, DeviceType, Feature, LegacyCfg } from '#dist/src/virtio/spec/index.js';
import { PciHeader } from '#dist/src/virtio/spec/pci-config-space.js';
import { type MachineOptions, notifiedMachine } from '../support/machine.js';
import { RecordedBinder } from '../support/recorded-binder.js';

const { acknowledge, driver: driverBit, driverOk } = DeviceStatus;

function made(options: MachineOptions & { limit?: 'many' | 'six' } = {}) {
  const binder = new RecordedBinder();
  return {
    binder,
    ...notifiedMachine({ queueSizes: [64, 64, 64, 64], ...options, binder, limit: options.limit ?? 'many' }),
  };
}

const addresses = (binder: RecordedBinder) => [...binder.assigned.values()].map(({ address }) => address);

describe('host notifiers of a PCI function', () => {
  test('DRIVER_OK assigns one ioeventfd to each queue that is enabled', () => {
    const { binder, driver } = made();
    driver.negotiate();
    for (const queue of [0, 1, 3]) driver.setUpQueue(queue);
    expect(binder.assigned.size).toBe(0);
    driver.ready();
    const doorbell = 0xd0000000 + driver.notify.offset;
    expect(addresses(binder)).toEqual([doorbell, doorbell + 4, doorbell + 12]);
    expect([...binder.assigned.values()].every(({ length, space }) => length === 2 && space === 'mmio')).toBe(true);
  });

  test('the device is given the eventfds that the VM signals', () => {
    const { binder, driver, control } = made();
    driver.start();
    const kickFds = control.activations[0]!.queues.map(({ kickFd }) => kickFd);
    expect([...binder.assigned.values()].map(({ eventfd }) => eventfd)).toEqual(kickFds);
  });

  test('where any width may kick, the ioeventfds say so', () => {
    const { binder, driver } = made({ anyWidthKicks: true });
    driver.start();
    expect([...binder.assigned.values()].map(({ length }) => length)).toEqual([0, 0, 0, 0]);
  });

  test('on a host with six ioeventfds kicks are register accesses', () => {
    const { binder, driver, control } = made({ limit: 'six' });
    driver.start();
    driver.kick(2);
    expect([binder.assigned.size, control.kicks]).toEqual([0, [2]]);
  });

  test('with NOTIFICATION_DATA no eventfd can carry the value: kicks are register accesses', () => {
    const { binder, driver, control } = made({ notificationData: true });
    driver.start(Feature.version1 | Feature.notificationData);
    driver.kick(3, 4, 0x00070003);
    expect([binder.assigned.size, control.kicks]).toEqual([0, [3]]);
  });

  test('a reset with kicks in flight processes them, then resets; nothing is assigned afterwards', () => {
    const { binder, driver, control } = made({ slow: true });
    driver.start();
    const order: string[] = [];
    const { kick, reset } = control;
    control.kick = (queue) => {
      order.push(`kick ${queue}`);
      kick.call(control, queue);
    };
    control.reset = () => {
      order.push('reset');
      reset.call(control);
    };
    binder.beforeDeassign = (doorbell) => void binder.write(doorbell);
    driver.status = 0;
    expect(order).toEqual(['kick 0', 'kick 1', 'kick 2', 'kick 3', 'reset']);
    expect(binder.assigned.size).toBe(0);
    control.finish();
    expect(driver.status).toBe(0);
    binder.beforeDeassign = () => {};
    driver.start();
    expect(binder.assigned.size).toBe(4);
  });

  test('a queue reset takes away the ioeventfd of its queue, and its start brings it back', () => {
    const { binder, driver } = made();
    driver.start(Feature.version1 | Feature.ringReset);
    driver.set16(CommonCfg.queueSelect, 2);
    driver.set16(CommonCfg.queueReset, 1);
    expect(binder.assigned.size).toBe(3);
    driver.setUpQueue(2);
    expect(binder.assigned.size).toBe(4);
  });

  test('a BAR that moves takes its doorbells along; one that is not decoded has none', () => {
    const { binder, driver } = made();
    driver.start();
    driver.writeConfig(PciHeader.bar0 + 16, 4, 0xe0000000);
    expect(addresses(binder)[0]).toBe(0xe0000000 + driver.notify.offset);
    expect(binder.assigned.size).toBe(4);
    driver.writeConfig(PciHeader.commandStatus, 2, 0);
    expect(binder.assigned.size).toBe(0);
    driver.writeConfig(PciHeader.commandStatus, 2, 2);
    expect(binder.assigned.size).toBe(4);
  });

  test('a function whose BAR is not mapped starts without ioeventfds', () => {
    const { binder, driver, control } = made();
    driver.writeConfig(PciHeader.commandStatus, 2, 0);
    driver.start();
    driver.kick(1);
    expect([binder.assigned.size, control.kicks]).toEqual([0, [1]]);
  });

  test('a legacy driver has ioeventfds at its one doorbell, told apart by the index written', () => {
    const { binder, driver } = made({ transitional: true, deviceType: DeviceType.block });
    driver.write(0, LegacyCfg.deviceStatus, 1, acknowledge | driverBit);
    for (const queue of [0, 3]) {
      driver.write(0, LegacyCfg.queueSelect, 2, queue);
      driver.write(0, LegacyCfg.queueAddress, 4, 16 + queue);
    }
    driver.write(0, LegacyCfg.deviceStatus, 1, acknowledge | driverBit | driverOk);
    const assigned = [...binder.assigned.values()].map(({ eventfd: _, ...doorbell }) => doorbell);
    expect(assigned).toEqual([
      { space: 'pio', address: 0xc010, length: 2, datamatch: 0 },
      { space: 'pio', address: 0xc010, length: 2, datamatch: 3 },
    ]);
  });

  test('closing the function leaves no ioeventfd in the VM', async () => {
    const { binder, driver, function: pci } = made();
    driver.start();
    await pci.close();
    expect(binder.assigned.size).toBe(0);
    await pci.close();
  });
});
