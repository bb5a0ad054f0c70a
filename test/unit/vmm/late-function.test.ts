/** Functions that the guest may look for before they are there. */
import { describe, expect, test, vi } from 'vitest';
import type { DeviceModule } from '#dist/src/ioregion/server/device-module.js';
import { functionBars, functionRegionPlaces } from '#dist/src/virtio/pci/index.js';
import { Feature } from '#dist/src/virtio/spec/index.js';
import { arrivalOf } from '#dist/src/vmm/attach/arrival.js';
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

/** A board with a late function of this module in its slot. */
async function lateBoard(device: DeviceModule, surroundings: FunctionSurroundings, queues: number = QUEUES) {
  const bus = new PciBus();
  const slots = new BoardSlots(bus, createMeters([`pci slot ${SLOT}`]));
  const bars = new BarAllocator().place(functionBars(SHAPE));
  const { late, arrived } = arrivalOf({ ...SPEC, queues, device }, { isLate: true });
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
    const { slots, arrived } = await lateBoard(ECHO, surroundings, QUEUES + 1);
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

test('a device that is not late has arrived', async () => {
  const { late, arrived } = arrivalOf({ ...SPEC, device: ECHO }, { isLate: false });
  expect(late).toEqual({});
  await arrived;
});
