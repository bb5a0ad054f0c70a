import { type DispatcherObject, native } from '../../native/binding.js';
import { Disposables } from '../../native/disposables.js';
import { Mapping } from '../../native/mapping.js';
import { ProbeGuestError } from '../errors.js';
import { EXIT_REASONS, exitReasonName } from '../uapi/exit-reasons.js';
import { VcpuState } from '../vcpu-state.js';
import type { Vm } from '../vm.js';
import { enterRealMode } from '../x86/boot-state.js';

const MEMORY_BYTES = 4096;
const ENTRY = 0x100;
const EXIT_PORT = 0xf4;
/** LOOP to itself: one instruction for each count of CX; then OUT, and start over. */
const CODE = [0xe2, 0xfe, 0xe6, EXIT_PORT, 0xeb, 0xfa];
/** Enough to see an emulator, which needs about 700 ns for each, over the noise of one exit. */
const TURNS = 2000;
/** A CPU needs a few ns at the worst, an emulator hundreds. */
const EMULATED_NS = 50;

export interface GuestSpeed {
  /** Time of one kernel-mode instruction. */
  readonly nsPerInstruction: number;
  /** The hypervisor interprets kernel-mode code instead of running it. */
  readonly emulated: boolean;
}

/** Times a loop of a few thousand instructions in real mode. Adds memory and vCPU 0 to the VM, which is of no use afterwards. */
export function measureGuestSpeed(vm: Vm): GuestSpeed {
  using undo = new Disposables();
  const mapping = undo.use(Mapping.anonymous(MEMORY_BYTES));
  mapping.bytes.set(CODE, ENTRY);
  const slot = vm.memory.add({ gpa: 0, size: MEMORY_BYTES, mapping });
  undo.defer(() => vm.memory.remove(slot));
  const state = new VcpuState(undo.use(vm.createVcpuFd(0)));
  enterRealMode(state, { entry: ENTRY });
  const run = runner(undo, vm, state);
  const time = (turns: number): number => timeLoop(state, run, turns);
  time(1); // the first entry sets up the guest's page tables
  const overhead = time(1);
  const nsPerInstruction = Math.max(0, time(TURNS) - overhead) / (TURNS - 1);
  return { nsPerInstruction, emulated: nsPerInstruction > EMULATED_NS };
}

function runner(undo: Disposables, vm: Vm, state: VcpuState): () => number {
  const dispatcher: DispatcherObject = native.dispatcherCreate();
  undo.defer(() => native.dispatcherRelease(dispatcher));
  const vcpu = native.vcpuCreate(state.fd.number, vm.kvm.vcpuMmapSize, dispatcher);
  undo.defer(() => native.vcpuRelease(vcpu));
  return native.vcpuRunFunction(vcpu);
}

/** ns from the entry to the OUT behind the loop. */
function timeLoop(state: VcpuState, run: () => number, turns: number): number {
  state.setRegs({ ...state.regs(), rcx: BigInt(turns) });
  const start = native.monotonicNs();
  const reason = run();
  const elapsed = native.monotonicNs() - start;
  if (reason !== EXIT_REASONS.KVM_EXIT_IO) throw new ProbeGuestError(exitReasonName(reason));
  return elapsed;
}
