/** Set-ups and tear-downs of everything this layer owns, those that succeed and those that fail at some step. */
import {
  BlockingServer,
  EventLoopServer,
  LoopbackDispatcher,
  NativeDispatcher,
  OrderGroup,
  RegionServerThread,
  serveOnThread,
} from 'ioregion/ioregion';
import { Kvm, Vcpu, VcpuCore, type VcpuOptions } from 'ioregion/kvm';
import { Disposables, type Fd, Mapping, socketpair } from 'ioregion/native';
import { CallerThread } from './caller-thread.js';
import { GuestMachine } from './guest-machine.js';

export interface SetUp {
  readonly name: string;
  readonly kvm: boolean;
  /** Starts threads: takes tens of milliseconds. */
  readonly threads: boolean;
  /** Sets up and tears down; throws where that did not go as it must. */
  readonly run: () => void | Promise<void>;
}

const GPA = 0xd000_0000;
const PIECE = { space: 'mmio', gpa: GPA, size: 0x1000 } as const;
/** Beyond any limit. */
const CLOSED_FD = 1 << 30;
const MEMORY_BYTES = 1 << 16;
const counter = { module: new URL('../../examples/counter-device.js', import.meta.url).href };
const missing = { module: 'file:///nowhere/device.mjs' };

/** Runs `body`, which must fail with `code`. */
async function failing(code: string, body: () => unknown): Promise<void> {
  try {
    await body();
  } catch (error) {
    if ((error as { code?: string }).code === code) return;
    throw error;
  }
  throw new Error(`no ${code}`);
}

function channel(undo: Disposables): [Fd, Fd] {
  const [vmm, device] = socketpair('seqpacket');
  return [undo.use(vmm), undo.use(device)];
}

function dispatcherOf(undo: Disposables): LoopbackDispatcher {
  const dispatcher = new LoopbackDispatcher();
  undo.defer(() => dispatcher.close());
  return dispatcher;
}

async function scoped(body: (undo: Disposables) => void | Promise<void>): Promise<void> {
  using undo = new Disposables();
  await body(undo);
}

const light: [string, () => void | Promise<void>][] = [
  [
    'dispatcher, region, caller and an access to a device that is gone',
    () =>
      scoped((undo) => {
        const [vmm, device] = channel(undo);
        const dispatcher = dispatcherOf(undo);
        const region = dispatcher.addRegion({ ...PIECE, readFd: vmm, writeFd: vmm });
        const caller = dispatcher.createCaller();
        device.close();
        if (caller.read('mmio', GPA, 4) !== 0xffff_ffff) throw new Error('an answer from nobody');
        region.remove();
        caller.close();
      }),
  ],
  [
    'regions that are refused',
    () =>
      scoped(async (undo) => {
        const [vmm, device] = channel(undo);
        const dispatcher = dispatcherOf(undo);
        const add = (options: object) => dispatcher.addRegion({ ...PIECE, readFd: vmm, writeFd: vmm, ...options });
        add({});
        await failing('ERR_IOREGION_REGION_EXISTS', () => add({}));
        await failing('ERR_IOREGION_REGION_INVALID', () => add({ gpa: 0, size: 0 }));
        await failing('ERR_IOREGION_REGION_INVALID', () => add({ gpa: 0, readFd: device }));
        await failing('ERR_IOREGION_REGION_BAD_FD', () => add({ gpa: 0, writeFd: CLOSED_FD }));
      }),
  ],
  [
    'a caller, and a dispatcher closed before it',
    () =>
      scoped(async (undo) => {
        const [vmm] = channel(undo);
        const dispatcher = dispatcherOf(undo);
        dispatcher.addRegion({ ...PIECE, readFd: vmm, writeFd: vmm });
        const caller = dispatcher.createCaller();
        dispatcher.close();
        await failing('ERR_IOREGION_DISPATCHER_CLOSED', () => dispatcher.createCaller());
        caller.close();
      }),
  ],
  [
    'a blocking server whose VMM has hung up',
    () =>
      scoped((undo) => {
        const [vmm, device] = channel(undo);
        vmm.close();
        const end = new BlockingServer({ readFd: device, writeFd: device, regions: [] }).serve();
        if (end.reason !== 'hang-up') throw new Error(`the server ended with ${end.reason}`);
      }),
  ],
  [
    'a server in an order group, and one on descriptors that are closed',
    () =>
      scoped(async (undo) => {
        const [, device] = channel(undo);
        const group = new OrderGroup();
        undo.defer(() => group.close());
        const options = { readFd: device, writeFd: device, regions: [], group: group.object };
        new BlockingServer(options).close();
        await failing('ERR_IOREGION_SYSTEM', () => new BlockingServer({ ...options, readFd: CLOSED_FD }));
        await failing('ERR_IOREGION_SYSTEM', () => new BlockingServer({ ...options, writeFd: CLOSED_FD }));
        await failing('ERR_IOREGION_SYSTEM', () => new EventLoopServer({ ...options, writeFd: CLOSED_FD }));
      }),
  ],
  [
    'an event-loop server',
    () =>
      scoped(async (undo) => {
        const [, device] = channel(undo);
        const server = new EventLoopServer({ readFd: device, writeFd: device, regions: [] });
        server.close();
        await server.ended;
      }),
  ],
];

function machine(undo: Disposables) {
  const kvm = undo.use(Kvm.open());
  const mapping = undo.use(Mapping.anonymous(MEMORY_BYTES));
  const vm = undo.use(kvm.createVm());
  vm.memory.add({ gpa: 0, size: MEMORY_BYTES, mapping });
  return { kvm, vm };
}

const lightKvm: [string, () => void | Promise<void>][] = [
  [
    'a VM with a vCPU on this thread',
    () =>
      scoped(async (undo) => {
        const { kvm, vm } = machine(undo);
        const dispatcher = new NativeDispatcher();
        undo.defer(() => dispatcher.close());
        const fd = undo.use(vm.createVcpuFd(0));
        new VcpuCore(fd.number, kvm.vcpuMmapSize, dispatcher.object).close();
        await failing('EBADF', () => new VcpuCore(CLOSED_FD, kvm.vcpuMmapSize, dispatcher.object));
        await failing('ERR_IOREGION_KVM_IOCTL', () => vm.createVcpuFd(0));
      }),
  ],
];

const threads: [string, () => void | Promise<void>][] = [
  [
    'a region on a thread',
    () =>
      scoped(async (undo) => {
        const dispatcher = dispatcherOf(undo);
        const served = await serveOnThread(dispatcher, PIECE, counter);
        const caller = dispatcher.createCaller();
        if (caller.read('mmio', GPA, 4) !== 0x1_0000) throw new Error('the device does not answer');
        caller.close();
        await served.close();
      }),
  ],
  [
    'region servers whose device, or descriptor, is not there',
    () =>
      scoped(async (undo) => {
        const [, device] = channel(undo);
        const dispatcher = dispatcherOf(undo);
        const options = { readFd: device, writeFd: device, regions: [{ device: counter }] };
        await failing('ERR_IOREGION_DEVICE_LOAD', () => serveOnThread(dispatcher, PIECE, missing));
        await failing('ERR_IOREGION_SERVER_WORKER', () => RegionServerThread.start({ ...options, writeFd: CLOSED_FD }));
      }),
  ],
  [
    'a caller on a thread',
    () =>
      scoped(async (undo) => {
        const caller = await CallerThread.start(dispatcherOf(undo));
        await caller.close();
      }),
  ],
];

async function refuseVcpu(code: string, options: VcpuOptions, id = 1): Promise<void> {
  await scoped(async (undo) => {
    const { vm } = machine(undo);
    const vcpu = await Vcpu.create(vm, 0);
    try {
      await failing(code, () => Vcpu.create(vm, id, options));
    } finally {
      await vcpu.close();
    }
  });
}

const threadsKvm: [string, () => void | Promise<void>][] = [
  [
    'a guest that runs to its end',
    () =>
      scoped(async (undo) => {
        const dispatcher = dispatcherOf(undo);
        const guest = await GuestMachine.start({ guest: 'stress', vcpus: [{ dispatcher }, {}] });
        await guest.close();
      }),
  ],
  ['a vCPU whose number is taken', () => refuseVcpu('ERR_IOREGION_KVM_IOCTL', {}, 0)],
  ['a vCPU whose exit handler is not there', () => refuseVcpu('ERR_IOREGION_VCPU_START', { exitHandler: missing })],
  [
    'a vCPU whose dispatcher is closed',
    () => {
      const dispatcher = new NativeDispatcher();
      const { object: _object } = dispatcher;
      dispatcher.close();
      return refuseVcpu('ERR_IOREGION_DISPATCHER_CLOSED', { dispatcher });
    },
  ],
  ['a vCPU that is to run on a CPU that does not exist', () => refuseVcpu('ERR_IOREGION_KVM_IOCTL', { cpus: [1023] })],
];

function named(list: readonly [string, () => void | Promise<void>][], kvm: boolean, threaded: boolean): SetUp[] {
  return list.map(([name, run]) => ({ name, run, kvm, threads: threaded }));
}

export const SET_UPS: readonly SetUp[] = [
  ...named(light, false, false),
  ...named(lightKvm, true, false),
  ...named(threads, false, true),
  ...named(threadsKvm, true, true),
];
