import { describe, expect, test } from 'vitest';
import { CommonCfg, Feature } from '#dist/src/virtio/spec/index.js';
import { machine } from '../support/machine.js';

describe('available buffer notifications (4.1.5.2)', () => {
  test('the address says which queue is kicked', () => {
    const { driver, control } = machine();
    driver.start();
    driver.kick(1);
    driver.kick(0, 4);
    driver.kick(1, 2, 0xffff);
    expect(control.kicks).toEqual([1, 0, 1]);
  });

  test('before DRIVER_OK, of a queue that is not enabled, or beyond the last queue they are refused', () => {
    const { driver, control, function: pci } = machine();
    driver.negotiate();
    driver.setUpQueue(0);
    driver.kick(0);
    driver.ready();
    driver.kick(1);
    driver.kick(2);
    driver.write(4, driver.notify.offset + 2, 2, 0);
    expect(control.kicks).toEqual([]);
    expect(pci.refusals.kick).toBe(4);
  });

  test('with NOTIFICATION_DATA the write has four bytes and names its queue (2.9)', () => {
    const { driver, control, function: pci } = machine({ notificationData: true });
    driver.start(Feature.version1 | Feature.notificationData);
    driver.kick(1, 4, 0x80050001);
    driver.kick(1, 4, 0x80050000);
    driver.kick(1, 2, 1);
    expect(control.kicks).toEqual([1]);
    expect(pci.refusals.kick).toBe(2);
  });

  test('with NOTIF_CONFIG_DATA it carries that value instead of the index (4.1.5.2)', () => {
    const { driver, control, function: pci } = machine({ notificationData: true });
    driver.start(Feature.version1 | Feature.notificationData | Feature.notifConfigData);
    driver.set16(CommonCfg.queueSelect, 1);
    const data = driver.get16(CommonCfg.queueNotifConfigData);
    expect(data).not.toBe(1);
    driver.kick(1, 4, 0x50000 | data);
    driver.kick(1, 4, 0x50001);
    expect(control.kicks).toEqual([1]);
    expect(pci.refusals.kick).toBe(1);
  });

  test('doorbells cannot be read', () => {
    const { driver } = machine();
    expect(driver.read(4, driver.notify.offset, 2)).toBe(0xffff);
  });
});
