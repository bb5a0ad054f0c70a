/** The kernel's dispatcher under the contract suite, where the kernel has one. */
import { KernelDispatcher, type RegionFailure } from 'ioregion/ioregion';
import { Kvm, KvmIoctlError } from 'ioregion/kvm';
import { socketpair } from 'ioregion/native';
import type { GuestMachine } from '../stress/guest-machine.js';
import { GuestVcpu } from './guest-vcpu.js';
import type { ContractHarness, ContractMachine, UnhandledAccess } from './harness.js';
import { startVcpus } from './machine-vcpus.js';

class KernelMachine implements ContractMachine {
  readonly dispatcher: KernelDispatcher;
  readonly unhandled: UnhandledAccess[] = [];
  /** The kernel reports none: such an access reaches the ordinary handler. */
  readonly failures: RegionFailure[] = [];
  readonly vcpus: readonly GuestVcpu[];
  readonly #machine: GuestMachine;

  constructor(machine: GuestMachine, tids: readonly number[]) {
    this.#machine = machine;
    this.dispatcher = new KernelDispatcher(machine.vm);
    this.vcpus = tids.map((tid, id) => new GuestVcpu(machine, id, tid, this.unhandled));
  }

  async close(): Promise<void> {
    this.dispatcher.close();
    await this.#machine.close();
  }
}

async function makeMachine(vcpus: number): Promise<ContractMachine> {
  const { machine, tids } = await startVcpus(vcpus);
  return new KernelMachine(machine, tids);
}

export function kernelHarness(vcpus = 3): ContractHarness {
  return { name: 'kernel', make: () => makeMachine(vcpus) };
}

/** A requirement of test/support: a kernel with KVM_SET_IOREGION, found out by using it. */
export function kernelIoregion(): string | undefined {
  using kvm = Kvm.open();
  using vm = kvm.createVm();
  const [near, far] = socketpair('seqpacket');
  try {
    vm.setIoregion({ space: 'mmio', address: 0xd000_0000, size: 0x1000, readFd: near, writeFd: near });
    return undefined;
  } catch (error) {
    if (!(error instanceof KvmIoctlError)) throw error;
    return `this kernel has no KVM_SET_IOREGION (${error.errnoName})`;
  } finally {
    near.close();
    far.close();
  }
}
