/** Functions that the guest may look for before they are there. */
import { describe, expect, test, vi } from 'vitest';
import type { DeviceModule } from '#dist/src/ioregion/server/device-module.js';
import { CapabilityOffset } from '#dist/src/virtio/pci/capability-table.js';
import { functionBars, functionRegionPlaces } from '#dist/src/virtio/pci/index.js';
import { CommonCfg, DeviceType, Feature, PciCap } from '#dist/src/virtio/spec/index.js';
import { CommandBit, PciHeader } from '#dist/src/virtio/spec/pci-config-space.js';
import { arrivalOf } from '#dist/src/vmm/attach/arrival.js';
import type { DeviceSpec } from '#dist/src/vmm/attach/device-spec.js';
import { BoardSlots } from '#dist/src/vmm/board/board-slots.js';
import { createMeters } from '#dist/src/vmm/metrics/region-meters.js';
import { BarAllocator, PciBus } from '#dist/src/vmm/pci/index.js';
import { busDriver } from '#dist/test/support/bus-driver.js';
import { bringUp, FunctionSurroundings, QUEUES, SHAPE } from '#dist/test/support/placed-function.js';
import { expectOpenFds, openFds } from '../../support/open-fds.js';
import { SplitDriver } from '../virtio/support/split-driver.js';

const SPEC = { name: 'echo', queues: QUEUES, configLength: 8, attach: 'inline' } as const;
const ECHO = {
  module: new URL('../../../dist/test/support/echo-device.js', import.meta.url).href,
  options: { queues: QUEUES },
};
const SLOT = 3;
const ALL_ONES = 0xffff_ffff;

type Described = Partial<Pick<DeviceSpec, 'queues' | 'configLength' | 'deviceType'>>;
const TYPED = { deviceType: DeviceType.entropy };

/** A board with a late function of this module in its slot. */
async function lateBoard(device: DeviceModule, surroundings: FunctionSurroundings, described: Described = {}) {
  const bus = new PciBus();
  const slots = new BoardSlots(bus, createMeters([`pci slot ${SLOT}`]), () => {});
  const bars = new BarAllocator().place(functionBars(SHAPE));
  const { late, arrived } = arrivalOf({ ...SPEC, ...described, device }, { isLate: true });
  await slots.plugAll([{ slot: SLOT, here: { device, ...surroundings.options, bars }, ...late }]);
  return { bus, slots, bars, arrived };
}

describe('a function that is late', () => {
  test('is waited for by the first access to it, works, and ends with its board', async () => {
    using surroundings = new FunctionSurroundings();
    const before = openFds();
    const { bus, slots, bars, arrived } = await lateBoard(ECHO, surroundings);
    slots.begin();
    const driver = busDriver(bus, SLOT, bars);
    const queue = new SplitDriver(surroundings.memory, 0);
    expect(bringUp(driver, queue.size, Feature.version1)).toBe(true);
    await arrived;
    const late = slots.suspendable.get(SLOT)!;
    late.suspend();
    await vi.waitFor(() => expect(late.quiet).toBe(true));
    const saved = late.save();
    late.restore(saved);
    expect(late.save()).toEqual(saved);
    late.resume();
    await slots.close();
    await expectOpenFds(before);
  });

  test('has its BARs where firmware placed them before it is there, and is started by an access if by nothing else', async () => {
    using surroundings = new FunctionSurroundings();
    const { bus, slots, bars } = await lateBoard(ECHO, surroundings);
    for (const place of functionRegionPlaces(SHAPE)) {
      const found = bus.find('mmio', bars[place.bar]! + place.offset, 4);
      expect(found?.region).toMatchObject({ bar: place.bar, offset: place.offset, size: place.size });
    }
    const config = bus.readConfig(SLOT, 0, 0, 4);
    expect([config & 0xffff, config]).toEqual([0x1af4, bus.readConfig(SLOT, 0, 0, 4)]);
    await slots.close();
  });

  test('that is never there reads as all ones, and the machine is told why', async () => {
    using surroundings = new FunctionSurroundings();
    const { bus, slots, arrived } = await lateBoard({ module: '/no/such/device.js' }, surroundings);
    expect(bus.readConfig(SLOT, 0, 0, 4) >>> 0).toBe(ALL_ONES);
    bus.writeConfig(SLOT, 0, 4, 2, 2);
    await expect(arrived).rejects.toThrow('/no/such/device.js');
    await slots.close();
  });

  test('whose thread ends while it starts keeps nobody waiting', async () => {
    using surroundings = new FunctionSurroundings();
    const module = 'data:text/javascript,process.exit(0)';
    const { bus, slots, arrived } = await lateBoard({ module }, surroundings);
    expect(bus.readConfig(SLOT, 0, 0, 4) >>> 0).toBe(ALL_ONES);
    await expect(arrived).rejects.toMatchObject({ code: 'ERR_IOREGION_DEVICE_WORKER' });
    await slots.close();
  });

  test('with another number of queues than described is refused', async () => {
    using surroundings = new FunctionSurroundings();
    const { slots, arrived } = await lateBoard(ECHO, surroundings, { queues: QUEUES + 1 });
    slots.begin();
    await expect(arrived).rejects.toThrow(`has ${QUEUES} queues, and is described with ${QUEUES + 1}`);
    await slots.close();
  });

  test('that nobody has begun is closed without being started', async () => {
    using surroundings = new FunctionSurroundings();
    const before = openFds();
    const { slots } = await lateBoard(ECHO, surroundings);
    await slots.close();
    await expectOpenFds(before);
  });
});

describe('a function that is late and of a known device type', () => {
  test('answers configuration space before its device is begun', async () => {
    using surroundings = new FunctionSurroundings();
    const before = openFds();
    const { bus, slots, bars } = await lateBoard(ECHO, surroundings, TYPED);
    expect(bus.readConfig(SLOT, 0, 0, 4)).toBe(0x1044_1af4);
    expect(bus.readConfig(SLOT, 0, PciHeader.bar0 + 4, 4)).toBe(bars[1]);
    bus.writeConfig(SLOT, 0, PciHeader.bar0 + 4, 4, ALL_ONES);
    const size = ~bus.readConfig(SLOT, 0, PciHeader.bar0 + 4, 4) + 1;
    expect(size).toBe(functionBars(SHAPE).find(({ index }) => index === 1)!.size);
    await expectOpenFds(before);
    await slots.close();
  });

  test('has in force what was written to its configuration space before there was a device', async () => {
    using surroundings = new FunctionSurroundings();
    const { bus, slots, bars, arrived } = await lateBoard(ECHO, surroundings, TYPED);
    const moved = { ...bars, 4: 0xd000_0000 };
    busDriver(bus, SLOT, bars).enableMsix();
    bus.writeConfig(SLOT, 0, PciHeader.bar0 + 16, 4, moved[4]);
    bus.writeConfig(SLOT, 0, PciHeader.commandStatus, 2, 1 << CommandBit.memorySpace);
    slots.begin();
    await arrived;
    const driver = busDriver(bus, SLOT, moved);
    const queue = new SplitDriver(surroundings.memory, 0);
    expect(bus.find('mmio', bars[4]!, 4)).toBeNull();
    expect(bringUp(driver, queue.size, Feature.version1, false)).toBe(true);
    queue.send(Uint8Array.of(1));
    driver.kick(0);
    await vi.waitFor(() => expect(surroundings.vectors[1]!.testAndClear()).toBe(true));
    await slots.close();
  });

  test('is waited for by an access to a window through configuration space', async () => {
    using surroundings = new FunctionSurroundings();
    const { bus, slots } = await lateBoard(ECHO, surroundings, TYPED);
    const at = CapabilityOffset.pciCfg;
    bus.writeConfig(SLOT, 0, at + PciCap.bar, 1, 4);
    bus.writeConfig(SLOT, 0, at + PciCap.offset, 4, CommonCfg.numQueues);
    bus.writeConfig(SLOT, 0, at + PciCap.regionLength, 4, 2);
    expect(bus.readConfig(SLOT, 0, at + PciCap.size, 2)).toBe(QUEUES);
    await slots.close();
  });

  test('that is never there has windows that read as all ones, and the machine is told why', async () => {
    using surroundings = new FunctionSurroundings();
    const { bus, slots, bars, arrived } = await lateBoard({ module: '/no/such/device.js' }, surroundings, TYPED);
    expect(bus.readConfig(SLOT, 0, 0, 4)).toBe(0x1044_1af4);
    expect(bus.window('mmio', 0).read(bars[4]!, 4) >>> 0).toBe(ALL_ONES);
    expect(bus.readConfig(SLOT, 0, CapabilityOffset.pciCfg + PciCap.size, 4) >>> 0).toBe(ALL_ONES);
    await expect(arrived).rejects.toThrow('/no/such/device.js');
    await slots.close();
  });

  test.each([
    ['type', { deviceType: DeviceType.block }, 'has 4 as its device type, and is described with 2'],
    ['length', { ...TYPED, configLength: 12 }, 'has 8 bytes of configuration, and is described with 12'],
  ])('is refused where the device has another %s than described', async (_, described, message) => {
    using surroundings = new FunctionSurroundings();
    const { bus, slots, bars, arrived } = await lateBoard(ECHO, surroundings, described);
    expect(bus.window('mmio', 0).read(bars[4]!, 4) >>> 0).toBe(ALL_ONES);
    await expect(arrived).rejects.toThrow(message);
    await slots.close();
  });
});

test('a device that is not late has arrived', async () => {
  const { late, arrived } = arrivalOf({ ...SPEC, device: ECHO }, { isLate: false });
  expect(late).toEqual({});
  await arrived;
});
