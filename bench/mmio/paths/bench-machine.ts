/** A virtual machine with one vCPU and the bench guest in it, for the thread that opens it. */
import { LAYOUT } from '../../../guests/index.js';
import { enterProtectedMode, Kvm, VcpuCore, VcpuState, type Vm } from '../../../src/kvm/index.js';
import { type DispatcherObject, Disposables, Mapping } from '../../../src/native/index.js';

const MEMORY_BYTES = 0x200000;

export interface BenchMachine {
  readonly vm: Vm;
  readonly core: VcpuCore;
  /** Guest memory from address 0. */
  readonly memory: Uint8Array;
  readonly tscKhz: number;
  /** Idempotent. */
  close(): void;
}

export interface BenchMachineOptions {
  /** The bench guest. */
  readonly image: Uint8Array;
  /** Guest-physical address of its parameter block. */
  readonly parameters: number;
  /** Sees the vCPU's exits first. Stays the caller's. */
  readonly dispatcher: DispatcherObject;
}

/** @throws KvmUnavailableError, KvmIoctlError; nothing is left open then. */
export function openBenchMachine(options: BenchMachineOptions): BenchMachine {
  const resources = new Disposables();
  try {
    return { ...build(options, resources), close: () => resources[Symbol.dispose]() };
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

function build(options: BenchMachineOptions, resources: Disposables): Omit<BenchMachine, 'close'> {
  const kvm = resources.use(Kvm.open());
  const mapping = resources.use(Mapping.anonymous(MEMORY_BYTES));
  const vm = resources.use(kvm.createVm());
  vm.memory.add({ gpa: 0, size: MEMORY_BYTES, mapping });
  mapping.bytes.set(options.image, LAYOUT.GUEST_LOAD);
  const fd = resources.use(vm.createVcpuFd(0));
  const state = new VcpuState(fd);
  const registers = { rdi: BigInt(options.parameters) };
  enterProtectedMode(state, { entry: LAYOUT.GUEST_LOAD, stack: LAYOUT.GUEST_STACK_TOP, registers });
  const core = new VcpuCore(fd.number, kvm.vcpuMmapSize, options.dispatcher);
  resources.defer(() => core.close());
  return { vm, core, memory: mapping.bytes, tscKhz: state.tscKhz() };
}
