/** The bench guest, whose writes are the kicks of a running, empty queue of an entropy device. */
import { readFileSync } from 'node:fs';
import { convertSamples, LAYOUT, writeBenchParameters } from '../../guests/index.js';
import { RegisterBus, type RegisterDevice } from '../../src/ioregion/index.js';
import { enterProtectedMode, Kvm, VcpuCore, VcpuState } from '../../src/kvm/index.js';
import { GuestMemory } from '../../src/memory/index.js';
import { Disposables, EventFd, native } from '../../src/native/index.js';
import { createFunction, type FunctionModuleOptions, type VirtioPciFunction } from '../../src/virtio/pci/index.js';
import { startQueue } from './driver.js';
import { KICK_PATH_FACTS, type KickPath } from './paths.js';

const DEVICE = { module: new URL('../../src/virtio/devices/rng/index.js', import.meta.url).href };
const MEMORY_BYTES = 1 << 21;
const PARAMETERS = 0x20000;
const SAMPLES = 0x30000;
const BAR = 4;
const BAR_ADDRESS = 0xd000_0000;
/** A modern driver's kick (4.1.5.2). */
const KICK_WIDTH = 2;

export class KickMachine {
  /** Kicks that came as register accesses. */
  accesses = 0;
  readonly #memory: Uint8Array;
  readonly #core: VcpuCore;
  readonly #tscKhz: number;
  readonly #function: VirtioPciFunction;
  readonly #doorbell: number;
  readonly #resources: Disposables;

  private constructor(parts: Parts, pciFunction: VirtioPciFunction, resources: Disposables) {
    this.#memory = parts.memory.regions[0]!.mapping.bytes;
    this.#core = parts.core;
    this.#tscKhz = parts.state.tscKhz();
    this.#function = pciFunction;
    this.#resources = resources;
    const notify = pciFunction.regions.find(({ name }) => name === 'notify')!;
    this.#doorbell = BAR_ADDRESS + notify.offset;
    const device = this.#counted(notify.device);
    parts.core.handler = new RegisterBus([{ space: 'mmio', address: this.#doorbell, size: notify.size, device }]);
  }

  /** @param guest file of the bench guest's image */
  static async open(guest: string, path: KickPath): Promise<KickMachine> {
    const resources = new Disposables();
    try {
      const parts = openParts(readFileSync(guest), resources);
      const pciFunction = await createFunction(describeFunction(parts, path, resources), NO_FILES);
      const machine = new KickMachine(parts, pciFunction, resources);
      startQueue(pciFunction);
      return machine;
    } catch (error) {
      resources[Symbol.dispose]();
      throw error;
    }
  }

  /** Kicks `count` times, or (`none`) does nothing as often; each takes as many ns as its sample says. */
  run(kind: 'mmio-write' | 'none', count: number): Uint32Array {
    const address = this.#doorbell;
    writeBenchParameters(this.#memory, PARAMETERS, { kind, width: KICK_WIDTH, address, count, samples: SAMPLES });
    const stop = this.#core.run();
    if (stop.type !== 'kvm' || stop.exit.reason !== 'KVM_EXIT_IO' || stop.exit.port !== LAYOUT.GUEST_EXIT_PORT) {
      throw new Error(`the guest stopped: ${stop.type === 'kvm' ? stop.exit.reason : stop.type}`);
    }
    const samples = new Uint32Array(count);
    convertSamples(this.#memory, SAMPLES, count, this.#tscKhz, samples, 0);
    return samples;
  }

  async close(): Promise<void> {
    await this.#function.close();
    this.#resources[Symbol.dispose]();
  }

  #counted(device: RegisterDevice): RegisterDevice {
    const write = (offset: number, size: number, value: number): void => {
      this.accesses += 1;
      device.write(offset, size, value);
    };
    return { read: (offset, size) => device.read(offset, size), write };
  }
}

const NO_FILES = { fds: {}, shared: null, region: '' };

type Parts = ReturnType<typeof openParts>;

function openParts(image: Uint8Array, resources: Disposables) {
  const memory = resources.use(GuestMemory.create(MEMORY_BYTES));
  const kvm = resources.use(Kvm.open());
  const vm = resources.use(kvm.createVm());
  for (const region of memory.regions) vm.memory.add(region);
  memory.write(LAYOUT.GUEST_LOAD, image);
  const fd = resources.use(vm.createVcpuFd(0));
  const state = new VcpuState(fd);
  const registers = { rdi: BigInt(PARAMETERS) };
  enterProtectedMode(state, { entry: LAYOUT.GUEST_LOAD, stack: LAYOUT.GUEST_STACK_TOP, registers });
  const dispatcher = native.dispatcherCreate();
  resources.defer(() => native.dispatcherRelease(dispatcher));
  const core = new VcpuCore(fd.number, kvm.vcpuMmapSize, dispatcher);
  resources.defer(() => core.close());
  return { memory, vm, state, core };
}

/** Interrupts go to eventfds that nobody listens to: an empty queue raises none. */
function describeFunction({ memory, vm }: Parts, path: KickPath, resources: Disposables): FunctionModuleOptions {
  const { dataPlane, assigned } = KICK_PATH_FACTS[path];
  const eventfds = [0, 1].map(() => resources.use(EventFd.create()).number);
  return {
    device: DEVICE,
    dataPlane,
    memory: memory.share(),
    bars: { [BAR]: BAR_ADDRESS },
    interrupts: { kind: 'eventfds', eventfds },
    ...(assigned ? { kicks: { kind: 'kvm', vm: vm.fd.number, limit: 'many' } } : {}),
  };
}
