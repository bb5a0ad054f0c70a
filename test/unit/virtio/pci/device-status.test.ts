import { describe, expect, test } from 'vitest';
import { CommonCfg, DeviceStatus, Feature } from '#dist/src/virtio/spec/index.js';
import { machine } from '../support/machine.js';

const { acknowledge, driver: driverBit, featuresOk, driverOk, needsReset, failed } = DeviceStatus;
const DRIVER = acknowledge | driverBit;

describe('device status (2.1, 3.1.1)', () => {
  test('walks through the sequence of initialization', () => {
    const { driver, control } = machine();
    for (const status of [acknowledge, DRIVER]) {
      driver.status = status;
      expect(driver.status).toBe(status);
    }
    driver.accept(Feature.version1);
    driver.status = DRIVER | featuresOk;
    expect(driver.status).toBe(DRIVER | featuresOk);
    driver.status = DRIVER | featuresOk | driverOk;
    expect(driver.status).toBe(DRIVER | featuresOk | driverOk);
    expect(control.activations).toHaveLength(1);
  });

  test('ACKNOWLEDGE and DRIVER may come in one write', () => {
    const { driver, function: pci } = machine();
    driver.status = DRIVER;
    expect(driver.status).toBe(DRIVER);
    expect(pci.refusals.status).toBe(0);
  });

  test.each([
    ['DRIVER without ACKNOWLEDGE', 0, driverBit, 0],
    ['FEATURES_OK without DRIVER', acknowledge, acknowledge | featuresOk, acknowledge],
    ['DRIVER_OK without FEATURES_OK', DRIVER, DRIVER | driverOk, DRIVER],
    ['a bit taken back', DRIVER, driverBit, DRIVER],
    ['DRIVER while ACKNOWLEDGE is taken back', acknowledge, driverBit, acknowledge],
  ])('%s is refused and counted', (_name, before, written, after) => {
    const { driver, function: pci } = machine();
    if (before !== 0) driver.status = before;
    driver.status = written;
    expect(driver.status).toBe(after);
    expect(pci.refusals.status).toBe(1);
  });

  test('DRIVER_OK in the same write as FEATURES_OK is not taken: the driver has not read back FEATURES_OK (3.1.1, step 6)', () => {
    const { driver, control } = machine();
    driver.status = DRIVER;
    driver.accept(Feature.version1);
    driver.status = DRIVER | featuresOk | driverOk;
    expect(driver.status).toBe(DRIVER | featuresOk);
    expect(control.activations).toHaveLength(0);
  });

  test('FEATURES_OK reads back zero for features that were not offered, and the driver may try others (2.2.2)', () => {
    const { driver, function: pci } = machine();
    expect(driver.negotiate(Feature.version1 | (1n << 5n))).toBe(false);
    expect(driver.status).toBe(DRIVER);
    expect(pci.refusals.features).toBe(1);
    driver.accept(Feature.version1);
    driver.status = DRIVER | featuresOk;
    expect(driver.status).toBe(DRIVER | featuresOk);
  });

  test('FEATURES_OK reads back zero without VERSION_1 (6.1)', () => {
    const { driver } = machine();
    expect(driver.negotiate(0n)).toBe(false);
    expect(driver.negotiate(Feature.indirectDesc)).toBe(false);
  });

  test('FAILED can be set at any time, and then only a reset helps', () => {
    const { driver } = machine();
    driver.status = DRIVER;
    driver.status = DRIVER | failed;
    driver.status = DRIVER | failed | featuresOk;
    expect(driver.status).toBe(DRIVER | failed);
    driver.status = 0;
    expect(driver.status).toBe(0);
    expect(driver.negotiate()).toBe(true);
  });

  test('bits that mean nothing are not stored', () => {
    const { driver } = machine();
    driver.status = acknowledge | 16 | 32;
    expect(driver.status).toBe(acknowledge);
  });
});

describe('DEVICE_NEEDS_RESET (2.1.2)', () => {
  test('is shown and announced as a configuration change; a reset clears it', () => {
    const { driver, control, sink } = machine();
    driver.enableMsix();
    driver.setVector(0);
    driver.negotiate();
    driver.set16(CommonCfg.configMsixVector, 0);
    driver.ready();
    control.fail();
    expect(driver.status & needsReset).toBe(needsReset);
    expect(sink.take()).toEqual([0]);
    driver.status = 0;
    expect(driver.status).toBe(0);
    expect(driver.negotiate()).toBe(true);
  });

  test('cannot be set or cleared by the driver', () => {
    const { driver, control } = machine();
    driver.start();
    driver.status = driver.status | needsReset;
    expect(driver.status & needsReset).toBe(0);
    control.fail();
    driver.ready();
    expect(driver.status & needsReset).toBe(needsReset);
  });
});

describe('device reset (2.4)', () => {
  test('reads as not zero until the device is idle, then every register has its first value', () => {
    const { driver, control } = machine({ slow: true });
    driver.start();
    driver.set16(CommonCfg.configMsixVector, 1);
    driver.status = 0;
    expect(driver.status).not.toBe(0);
    expect(control.resets).toBe(1);
    control.finish();
    expect(driver.status).toBe(0);
    driver.set16(CommonCfg.queueSelect, 0);
    expect(driver.get16(CommonCfg.queueEnable)).toBe(0);
    expect(driver.get16(CommonCfg.queueSize)).toBe(256);
    expect(driver.get32(CommonCfg.queueDesc)).toBe(0);
    expect(driver.get16(CommonCfg.configMsixVector)).toBe(0xffff);
    expect(driver.get32(CommonCfg.driverFeature)).toBe(0);
  });

  test('takes nothing while it is under way, and is not started twice', () => {
    const { driver, control, function: pci } = machine({ slow: true });
    driver.start();
    driver.status = 0;
    driver.status = 0;
    driver.status = acknowledge;
    driver.accept(Feature.version1);
    driver.kick(0);
    expect(control.resets).toBe(1);
    expect(control.kicks).toEqual([]);
    expect(pci.refusals.status).toBe(1);
    control.finish();
    expect(driver.status).toBe(0);
    expect(driver.get32(CommonCfg.driverFeature)).toBe(0);
    driver.start();
    expect(control.activations).toHaveLength(2);
  });

  test('of a device that was never activated is done at once', () => {
    const { driver, control } = machine({ slow: true });
    driver.negotiate();
    driver.status = 0;
    expect(driver.status).toBe(0);
    expect(control.resets).toBe(0);
  });
});
