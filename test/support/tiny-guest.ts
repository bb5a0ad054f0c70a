/** A VM with one vCPU and 1 MiB of memory that runs a handful of instruction bytes on the calling thread. */
import { type BootableVcpu, enterRealMode, Kvm, RunPage, VcpuState, type Vm } from 'ioregion/kvm';
import { Disposables, Mapping, native } from 'ioregion/native';

/** Bytes of memory, from gpa 0. */
export const TINY_GUEST_BYTES = 1 << 20;
/** Where the code goes. */
export const TINY_GUEST_CODE = 0x1000;

export interface TinyGuestOptions {
  /** Runs before the vCPU exists, e.g. to create an irqchip. */
  prepare?: (vm: Vm) => void;
  /** By default real mode at the code. */
  boot?: (vcpu: BootableVcpu, memory: Uint8Array) => void;
}

export interface TinyGuest extends Disposable {
  readonly kvm: Kvm;
  readonly vm: Vm;
  readonly memory: Uint8Array;
  readonly state: VcpuState;
  readonly page: RunPage;
  /** Runs to the next exit and returns its reason. */
  readonly run: () => number;
}

const bootRealMode = (vcpu: BootableVcpu): void => enterRealMode(vcpu, { entry: TINY_GUEST_CODE, stack: 0x8000 });

export function tinyGuest(code: readonly number[], options: TinyGuestOptions = {}): TinyGuest {
  const undo = new Disposables();
  try {
    const parts = start(undo, code, options);
    return { ...parts, [Symbol.dispose]: () => undo[Symbol.dispose]() };
  } catch (error) {
    undo[Symbol.dispose]();
    throw error;
  }
}

function start(undo: Disposables, code: readonly number[], { prepare, boot = bootRealMode }: TinyGuestOptions) {
  const kvm = undo.use(Kvm.open());
  const mapping = undo.use(Mapping.anonymous(TINY_GUEST_BYTES));
  const vm = undo.use(kvm.createVm());
  vm.memory.add({ gpa: 0, size: TINY_GUEST_BYTES, mapping });
  prepare?.(vm);
  mapping.bytes.set(code, TINY_GUEST_CODE);
  const state = new VcpuState(undo.use(vm.createVcpuFd(0)));
  state.setCpuid(kvm.supportedCpuid());
  boot(state, mapping.bytes);
  return { kvm, vm, memory: mapping.bytes, state, ...runner(undo, kvm, state) };
}

function runner(undo: Disposables, kvm: Kvm, state: VcpuState): Pick<TinyGuest, 'page' | 'run'> {
  const dispatcher = native.dispatcherCreate();
  undo.defer(() => native.dispatcherRelease(dispatcher));
  const vcpu = native.vcpuCreate(state.fd.number, kvm.vcpuMmapSize, dispatcher);
  undo.defer(() => native.vcpuRelease(vcpu));
  return { page: new RunPage(native.vcpuRunArea(vcpu)), run: native.vcpuRunFunction(vcpu) };
}
