/** A guest that drives a virtio device through its registers, wherever those are served and wherever the queues run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DeviceModule, DevicePort, inlineDevices, NativeDispatcher, RegionServerThread } from 'ioregion/ioregion';
import { Kvm, Vcpu, type VcpuOptions, type Vm } from 'ioregion/kvm';
import { GuestMemory } from 'ioregion/memory';
import { Disposables, EventFd, Fd, socketpair } from 'ioregion/native';
import { describe, expect, it, vi } from 'vitest';
import {
  enterGuest,
  installGuest,
  LAYOUT,
  loadGuest,
  mmioRead,
  mmioWrite,
  type Op,
  readOpResult,
  waitEqual,
  writeOplist,
} from '#dist/guests/index.js';
import { GsiRoutes, IrqfdVectors } from '#dist/src/virtio/interrupt/index.js';
import {
  FUNCTION_MODULE,
  type FunctionModuleOptions,
  functionRegionPlaces,
  RemoteWiring,
} from '#dist/src/virtio/pci/index.js';
import { CommonCfg, DeviceStatus, DeviceType, Feature, MODERN_PCI_DEVICE_BASE } from '#dist/src/virtio/spec/index.js';
import { PATIENCE } from '../support/patience.js';
import { NodeProcess } from '../support/processes.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import { SplitDriver } from '../unit/virtio/support/split-driver.js';

const built = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));
const OPLIST = 0x40000;
const CONFIG = 0xe000_0000;
const BARS: Readonly<Record<number, number>> = { 1: 0xd100_0000, 4: 0xd000_0000 };
const QUEUES = 2;
const VECTORS = QUEUES + 1;
const MSI = { address: 0xfee0_0000, data: 0x31 };
const { acknowledge, driver, featuresOk, driverOk } = DeviceStatus;

/** What a function of the echo device is made of, for the VMM. */
const PLACES = functionRegionPlaces({ queues: QUEUES, vectors: VECTORS, configLength: 8, transitional: false });
const REGIONS = [
  { name: 'config', space: 'mmio' as const, gpa: CONFIG, size: 256, postedWrites: false },
  ...PLACES.map(({ bar, offset, ...place }) => ({ ...place, gpa: BARS[bar]! + offset })),
];
const gpaOf = (name: string) => REGIONS.find((region) => region.name === name)!.gpa;

interface Machine {
  readonly kvm: Kvm;
  readonly vm: Vm;
  readonly memory: GuestMemory;
  readonly routes: GsiRoutes;
}

/** The driver may have notification data; most here do not ask for it. */
const FLAGS = { notificationData: true };

type DataPlane = NonNullable<FunctionModuleOptions['dataPlane']>;
type Wiring = Pick<FunctionModuleOptions, 'interrupts' | 'kicks'>;

/** The function as it is described to whoever makes it. Kicks are ioeventfds where the queues have a thread of their own. */
function describeFunction(
  memory: FunctionModuleOptions['memory'],
  dataPlane: DataPlane,
  { interrupts, kicks }: Required<Wiring>,
  device: DeviceModule,
): FunctionModuleOptions {
  const common = { device, dataPlane, memory, bars: BARS, interrupts, log: 'stderr' as const, function: FLAGS };
  return dataPlane === 'worker' ? { ...common, kicks } : common;
}

interface Attachment {
  readonly vcpu: VcpuOptions;
  close(): Promise<void>;
}
type Attach = (machine: Machine, dataPlane: DataPlane, device: DeviceModule) => Promise<Attachment>;

const ECHO = { module: built('test/support/echo-device.js'), options: { queues: QUEUES } };
/** Of examples/: it has one queue, and its BARs look the same. */
const REVERSE = { module: built('examples/reverse-device.js') };

/** On the vCPU's own Worker. */
const inline: Attach = async ({ vm, memory }, dataPlane, device) => {
  const number = vm.fd.number;
  const wiring = { interrupts: { kind: 'kvm', vm: number }, kicks: { kind: 'kvm', vm: number } } as const;
  const options = describeFunction(memory.share(), dataPlane, wiring, device);
  const devices = REGIONS.map(({ name, space, gpa, size }) => {
    const device = { module: FUNCTION_MODULE, options: { ...options, region: name } };
    return { space, address: gpa, size, device };
  });
  return { vcpu: { exitHandler: inlineDevices(devices) }, close: async () => {} };
};

/** On a region server's thread. */
const thread: Attach = async ({ vm, memory, routes }, dataPlane, device) => {
  const irqfds = new IrqfdVectors(vm.interrupts, routes, VECTORS);
  const eventfds = irqfds.eventfds.map((eventfd) => eventfd.number);
  const { firstGsi } = irqfds;
  const interrupts = { kind: 'irqfds', eventfds, routes: routes.share(), firstGsi } as const;
  const wiring = { interrupts, kicks: { kind: 'kvm', vm: vm.fd.number } } as const;
  const options = describeFunction(memory.share(), dataPlane, wiring, device);
  const [vmmEnd, deviceEnd] = socketpair('seqpacket');
  const regions = REGIONS.map(({ name }, userData) => ({
    name,
    userData,
    device: { module: FUNCTION_MODULE, options },
  }));
  const server = await RegionServerThread.start({ readFd: deviceEnd, writeFd: deviceEnd, regions });
  const dispatcher = new NativeDispatcher();
  for (const [userData, region] of REGIONS.entries()) {
    dispatcher.addRegion({ ...region, userData, readFd: vmmEnd, writeFd: vmmEnd });
  }
  const close = async () => {
    dispatcher.close();
    await server.close();
    irqfds.close();
    vmmEnd.close();
    deviceEnd.close();
  };
  return { vcpu: { dispatcher }, close };
};

/** In another process. */
const process: Attach = async ({ vm, memory, routes }, dataPlane, device) => {
  const doorbells = [{ space: 'mmio', address: BARS[4]!, size: 0x4000 } as const];
  const wiring = new RemoteWiring({ vm, routes, vectors: VECTORS, doorbells });
  const { fds, regions } = memory.share();
  const options = describeFunction({ fds: ['memory'], regions }, dataPlane, wiring, device);
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-port-'));
  const path = join(directory, 'port');
  const port = DevicePort.listen(path);
  const args = [
    'region-server',
    '--socket',
    path,
    fileURLToPath(FUNCTION_MODULE),
    '--options',
    JSON.stringify(options),
  ];
  const child = new NodeProcess(built('src/cli/ioregion.cjs'), args);
  const connection = await port.accept();
  const offers = REGIONS.map((region, userData) => ({ ...region, userData }));
  const channel = connection.offer(offers, { ...wiring.fds, memory: new Fd(fds[0]!) }).get('default')!;
  const dispatcher = new NativeDispatcher();
  for (const { name: _, ...region } of offers) dispatcher.addRegion({ ...region, ...channel, deadlineMs: 20_000 });
  const close = async () => {
    dispatcher.close();
    channel[Symbol.dispose]();
    connection.close();
    port.close();
    rmSync(directory, { recursive: true });
    expect(await child.exited).toMatchObject({ code: 0, stderr: '' });
    wiring.close();
  };
  return { vcpu: { dispatcher }, close };
};

const common = (offset: number) => gpaOf('bar4') + offset;
const setStatus = (status: number) => mmioWrite(common(CommonCfg.deviceStatus), 1, status);
const getStatus = () => mmioRead(common(CommonCfg.deviceStatus), 1);
const set = (offset: number, width: 2 | 4, value: number | bigint) => mmioWrite(common(offset), width, value);
const word = (address: bigint, half: 0 | 1) => (address >> BigInt(32 * half)) & 0xffffffffn;

/** What a driver does from reset to DRIVER_OK, for queue 0 with vector 1. */
function initialize({ areas, size }: SplitDriver, features = Feature.version1): Op[] {
  const addresses = [
    [CommonCfg.queueDesc, areas.descriptors],
    [CommonCfg.queueDriver, areas.driverArea],
    [CommonCfg.queueDevice, areas.deviceArea],
  ] as const;
  const entry = gpaOf('bar1') + 16;
  return [
    setStatus(0),
    setStatus(acknowledge),
    setStatus(acknowledge | driver),
    set(CommonCfg.driverFeatureSelect, 4, 1),
    set(CommonCfg.driverFeature, 4, word(features, 1)),
    setStatus(acknowledge | driver | featuresOk),
    mmioWrite(CONFIG + 0x42, 2, 0x8000),
    ...[MSI.address, 0, MSI.data, 0].map((value, field) => mmioWrite(entry + 4 * field, 4, value)),
    set(CommonCfg.queueSelect, 2, 0),
    set(CommonCfg.queueSize, 2, size),
    ...addresses.flatMap(([at, gpa]) => [set(at, 4, word(gpa, 0)), set(at + 4, 4, word(gpa, 1))]),
    set(CommonCfg.queueMsixVector, 2, 1),
    set(CommonCfg.queueEnable, 2, 1),
    setStatus(acknowledge | driver | featuresOk | driverOk),
  ];
}

const kick = mmioWrite(gpaOf('notify'), 2, 0);
/** A kick that says where the driver goes on (2.9). */
const kickWithData = (index: number) => mmioWrite(gpaOf('notify'), 4, index * 0x10000);

/** Publishes the available index `index`, kicks, and waits for as many used chains. */
function exchange({ areas }: SplitDriver, index: number, kicked = kick): Op[] {
  return [mmioWrite(areas.driverArea + 2n, 2, index), kicked, waitEqual(areas.deviceArea, index * 0x10000)];
}

/** A machine with one vCPU, which runs lists of operations. */
async function withGuest(
  attach: Attach,
  dataPlane: DataPlane,
  check: (machine: Machine, run: (ops: readonly Op[]) => Promise<bigint[]>, vcpu: Vcpu) => Promise<void>,
  device: DeviceModule = ECHO,
): Promise<void> {
  using undo = new Disposables();
  const memory = GuestMemory.create(1 << 20);
  const kvm = undo.use(Kvm.open());
  const vm = kvm.createVm();
  undo.defer(() => vm.close());
  vm.memory.add(memory.regions[0]!);
  vm.interrupts.createIrqchip();
  const machine = { kvm, vm, memory, routes: GsiRoutes.create(vm) };
  const attachment = await attach(machine, dataPlane, device);
  const vcpu = await Vcpu.create(vm, 0, attachment.vcpu);
  const bytes = memory.regions[0]!.mapping.bytes;
  installGuest(bytes, await loadGuest('oplist', 'protected'));
  vcpu.state.setCpuid(kvm.supportedCpuid());
  const run = async (ops: readonly Op[]) => {
    writeOplist(bytes, OPLIST, ops);
    enterGuest(vcpu.state, { mode: 'protected', parameters: OPLIST });
    expect(await vcpu.run()).toMatchObject({ reason: 'KVM_EXIT_IO', port: LAYOUT.GUEST_EXIT_PORT });
    return ops.map((_, index) => readOpResult(bytes, OPLIST, index).value);
  };
  try {
    await check(machine, run, vcpu);
  } finally {
    await vcpu.close();
    await attachment.close();
    vm.close();
    memory.close();
  }
}

/** Has the local APIC take interrupts, of which `isRequested` knows. */
function enableLapic({ state }: Vcpu): void {
  const lapic = state.lapic();
  const view = new DataView(lapic.buffer);
  view.setUint32(0xf0, view.getUint32(0xf0, true) | 0x100, true);
  state.setLapic(lapic);
}

function isRequested({ state }: Vcpu, vector: number): boolean {
  const requests = new DataView(state.lapic().buffer).getUint32(0x200 + 16 * (vector >> 5), true);
  return ((requests >>> (vector & 31)) & 1) === 1;
}

const ATTACHMENTS: readonly (readonly [string, Attach])[] = [
  ["the vCPU's own thread", inline],
  ['a region server on a thread', thread],
  ['a region server in another process', process],
];
const DATA_PLANES: readonly (readonly [string, DataPlane])[] = [
  ['the same thread', 'registers'],
  ['a Worker', 'worker'],
];

describeWhere([kvmDevice], 'a guest drives a virtio device', () => {
  describe.each(ATTACHMENTS)('whose registers are on %s', (_attachment, attach) => {
    it.each(DATA_PLANES)('and its queues on %s', async (_dataPlane, dataPlane) => {
      await withGuest(attach, dataPlane, async ({ vm, memory }, run, vcpu) => {
        enableLapic(vcpu);
        const queue = new SplitDriver(memory);
        for (const byte of [1, 2, 3]) queue.send(Uint8Array.of(byte));
        const [id] = await run([mmioRead(CONFIG, 4)]);
        expect(Number(id)).toBe((MODERN_PCI_DEVICE_BASE + DeviceType.entropy) * 0x10000 + 0x1af4);
        const statuses = await run([mmioWrite(queue.areas.driverArea + 2n, 2, 0), ...initialize(queue), getStatus()]);
        expect(Number(statuses.at(-1))).toBe(acknowledge | driver | featuresOk | driverOk);
        await run([1, 2, 3].flatMap((index) => exchange(queue, index)));
        expect([0, 1, 2].map((index) => queue.answer(index)[0])).toEqual([2, 3, 4]);
        await vi.waitFor(() => expect(isRequested(vcpu, MSI.data)).toBe(true), { timeout: 5_000 * PATIENCE });
        expect(isKickTaken(vm)).toBe(dataPlane === 'worker');
        const [, status] = await run([setStatus(0), mmioRead(common(CommonCfg.deviceStatus), 1, { count: 2000 })]);
        expect(Number(status)).toBe(0);
        expect(isKickTaken(vm)).toBe(false);
      });
    });

    it('and which is the one of the examples', async () => {
      const check = async ({ memory }: Machine, run: (ops: readonly Op[]) => Promise<bigint[]>) => {
        const queue = new SplitDriver(memory);
        queue.send(Buffer.from('stressed'));
        await run([mmioWrite(queue.areas.driverArea + 2n, 2, 0), ...initialize(queue), ...exchange(queue, 1)]);
        expect(Buffer.from(queue.answer(0)).toString()).toBe('desserts');
      };
      await withGuest(attach, 'worker', check, REVERSE);
    });

    it('and its kicks carry notification data, by a region with posted writes', async () => {
      await withGuest(attach, 'worker', async ({ vm, memory }, run) => {
        const queue = new SplitDriver(memory);
        for (const byte of [1, 2, 3]) queue.send(Uint8Array.of(byte));
        await run([
          mmioWrite(queue.areas.driverArea + 2n, 2, 0),
          ...initialize(queue, Feature.version1 | Feature.notificationData),
        ]);
        expect(isKickTaken(vm)).toBe(false);
        await run([1, 2, 3].flatMap((index) => exchange(queue, index, kickWithData(index))));
        expect([0, 1, 2].map((index) => queue.answer(index)[0])).toEqual([2, 3, 4]);
      });
    });
  });
});

/** Whether the VM has an ioeventfd at the doorbell of queue 0: then it takes no second one there. */
function isKickTaken({ ioeventfds }: Vm): boolean {
  using eventfd = EventFd.create();
  const ioeventfd = { space: 'mmio', address: gpaOf('notify'), length: 2, eventfd } as const;
  try {
    ioeventfds.assign(ioeventfd);
  } catch {
    return true;
  }
  ioeventfds.deassign(ioeventfd);
  return false;
}
