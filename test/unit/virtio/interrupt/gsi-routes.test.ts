import { EventFd } from 'ioregion/native';
import { describe, expect, test } from 'vitest';
import {
  EventfdSink,
  GsiRangeError,
  GsiRoutes,
  GsiWiring,
  IRQCHIP_ROUTES,
  IrqfdVectors,
} from '#dist/src/virtio/interrupt/index.js';
import { expectOpenFds, openFds } from '../../../support/open-fds.js';

type Routes = Parameters<Parameters<typeof GsiRoutes.create>[0]['interrupts']['setRoutes']>[0];

/** A VM that keeps its routing table. */
function recordedVm() {
  const tables: Routes[] = [];
  return { tables, fd: { number: 3 }, interrupts: { setRoutes: (routes: Routes) => void tables.push(routes) } };
}

describe('the routing table of a VM', () => {
  test('repeats the routes of the in-kernel interrupt controllers: 8 lines of each PIC, 24 of the IOAPIC', () => {
    const count = (irqchip: string) =>
      IRQCHIP_ROUTES.filter((route) => 'irqchip' in route && route.irqchip === irqchip);
    expect(['picMaster', 'picSlave', 'ioapic'].map((irqchip) => count(irqchip).length)).toEqual([8, 8, 24]);
    expect(IRQCHIP_ROUTES).toContainEqual({ gsi: 15, irqchip: 'picSlave', pin: 7 });
  });

  test('is sent whole with every change, whichever device changes it', () => {
    const vm = recordedVm();
    const routes = GsiRoutes.create(vm, { pins: [{ gsi: 4, irqchip: 'ioapic', pin: 4 }] });
    const [disk, net] = [routes.allocate(2), routes.allocate(3)];
    expect([disk, net]).toEqual([24, 26]);
    routes.set(net + 1, { address: 0xffff_ffff_ffff_fffcn, data: 0xffffffff });
    routes.set(disk, { address: 0xfee00000, data: 7 });
    routes.set(disk, { address: 0xfee00000, data: 8 });
    expect(vm.tables.at(-1)).toEqual([
      { gsi: 4, irqchip: 'ioapic', pin: 4 },
      { gsi: 24, address: 0xfee00000n, data: 8 },
      { gsi: 27, address: 0xffff_ffff_ffff_fffcn, data: 0xffffffff },
    ]);
    expect(vm.tables).toHaveLength(3);
  });

  test('has an end: a device that needs more vectors than are left is refused, a smaller one is not', () => {
    const routes = GsiRoutes.create(recordedVm(), { firstGsi: 32, count: 8 });
    expect(routes.allocate(5)).toBe(32);
    expect(() => routes.allocate(4)).toThrow(GsiRangeError);
    expect(routes.allocate(3)).toBe(37);
  });

  test('takes back the GSIs of a device that is gone, with their messages', () => {
    const vm = recordedVm();
    const routes = GsiRoutes.create(vm, { pins: [], firstGsi: 32, count: 8 });
    const [a, b] = [routes.allocate(3), routes.allocate(3)];
    routes.set(a, { address: 0, data: 1 });
    routes.set(b, { address: 0, data: 2 });
    routes.free(a, 3);
    expect(() => routes.allocate(4)).toThrow(GsiRangeError);
    expect(routes.allocate(2)).toBe(a);
    routes.set(b + 1, { address: 0, data: 3 });
    expect(vm.tables.at(-1)?.map(({ gsi }) => gsi)).toEqual([b, b + 1]);
    for (let round = 0; round < 100; round++) routes.free(routes.allocate(2), 2);
  });

  test('stays usable where the VM refuses a change', () => {
    const vm = recordedVm();
    const routes = GsiRoutes.create(vm, { pins: [] });
    const gsi = routes.allocate(1);
    const { setRoutes } = vm.interrupts;
    vm.interrupts.setRoutes = () => {
      throw new Error('EINVAL');
    };
    expect(() => routes.set(gsi, { address: 0, data: 1 })).toThrow('EINVAL');
    vm.interrupts.setRoutes = setRoutes;
    routes.set(gsi, { address: 0, data: 2 });
    expect(vm.tables).toEqual([[{ gsi, address: 0n, data: 2 }]]);
  });
});

describe('eventfds as interrupts', () => {
  test('each vector has an eventfd, an irqfd and a GSI, and they go together', async () => {
    const before = openFds();
    const bound: number[] = [];
    const interrupts = {
      assignIrqfd: ({ gsi }: { gsi: number }) => void bound.push(gsi),
      deassignIrqfd: ({ gsi }: { gsi: number }) => void bound.splice(bound.indexOf(gsi), 1),
    };
    const vm = recordedVm();
    const routes = GsiRoutes.create(vm, { pins: [] });
    const vectors = new IrqfdVectors(interrupts, routes, 3);
    expect(bound).toEqual([24, 25, 26]);
    const sink = new EventfdSink(vectors.eventfds, new GsiWiring(routes, vectors.firstGsi));
    sink.route(2, { address: 0xfee00000n, data: 5 });
    sink.signal(2);
    expect(vm.tables).toEqual([[{ gsi: 26, address: 0xfee00000n, data: 5 }]]);
    expect(vectors.eventfds.map((eventfd) => eventfd.testAndClear())).toEqual([false, false, true]);
    expect(sink.setPin).toBeUndefined();
    vectors.close();
    vectors.close();
    expect(bound).toEqual([]);
    await expectOpenFds(before);
  });

  test('nothing stays open where the VM has no interrupt controller', async () => {
    const before = openFds();
    const refuse = () => {
      throw new Error('EAGAIN');
    };
    const interrupts = { assignIrqfd: refuse, deassignIrqfd: refuse };
    expect(() => new IrqfdVectors(interrupts, GsiRoutes.create(recordedVm()), 2)).toThrow('EAGAIN');
    await expectOpenFds(before);
  });

  test('a vector without an eventfd is not signalled, and does no harm', () => {
    using eventfd = EventFd.create();
    const sink = new EventfdSink([eventfd], { route: () => {}, describePin: () => null });
    sink.signal(1);
    expect(eventfd.testAndClear()).toBe(false);
  });
});
