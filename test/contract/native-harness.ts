/** The native dispatcher under the contract suite: behind the exits of a real KVM guest. */
import { NativeDispatcher, type RegionFailure } from 'ioregion/ioregion';
import type { GuestMachine } from '../stress/guest-machine.js';
import { GuestVcpu } from './guest-vcpu.js';
import type { ContractHarness, ContractMachine, UnhandledAccess } from './harness.js';
import { startVcpus } from './machine-vcpus.js';

class NativeMachine implements ContractMachine {
  readonly dispatcher: NativeDispatcher;
  readonly unhandled: UnhandledAccess[] = [];
  readonly failures: RegionFailure[] = [];
  readonly vcpus: readonly GuestVcpu[];
  readonly #machine: GuestMachine;

  constructor(dispatcher: NativeDispatcher, machine: GuestMachine, tids: readonly number[]) {
    this.dispatcher = dispatcher;
    this.#machine = machine;
    this.vcpus = tids.map((tid, id) => new GuestVcpu(machine, id, tid, this.unhandled));
    dispatcher.onFailure = (failure) => this.failures.push(failure);
  }

  async close(): Promise<void> {
    await this.#machine.close();
    this.dispatcher.close();
  }
}

async function makeMachine(vcpus: number): Promise<ContractMachine> {
  const dispatcher = new NativeDispatcher();
  const { machine, tids } = await startVcpus(vcpus, { dispatcher });
  return new NativeMachine(dispatcher, machine, tids);
}

/** A guest of `vcpus` vCPUs. */
export function nativeHarness(vcpus = 3): ContractHarness {
  return { name: 'native', make: () => makeMachine(vcpus) };
}
