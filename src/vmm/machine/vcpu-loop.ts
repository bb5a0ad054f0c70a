/** One vCPU of a running machine: enters the guest again and again, until the machine ends. */

import { RegionFailure } from '../../ioregion/index.js';
import { describeExit, type Vcpu, type VcpuExit, type VcpuState } from '../../kvm/index.js';
import { IoregionError } from '../../native/index.js';
import { GuestStoppedError } from '../errors.js';
import type { MachineEnd } from './machine-end.js';

const SYSTEM_EVENT_RESET = 2;

export class VcpuLoop {
  readonly #vcpu: Vcpu;
  readonly #onExit: (exit: VcpuExit) => void;
  readonly #onEnd: (end: MachineEnd) => void;
  #ended = false;
  /** While the machine is paused: who waits for this vCPU to be out of the guest. */
  #gate: Promise<void> | null = null;
  #open: () => void = () => {};
  /** Nothing of the vCPU is outside of what KVM saves. */
  #settled = false;
  #atGate: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  /** `onExit` hears of each exit that no device took. */
  constructor(vcpu: Vcpu, onExit: (exit: VcpuExit) => void, onEnd: (end: MachineEnd) => void) {
    this.#vcpu = vcpu;
    this.#onExit = onExit;
    this.#onEnd = onEnd;
  }

  get vcpu(): Vcpu {
    return this.#vcpu;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when the vCPU is out of the guest, with all accesses at their end, where it stays until `resume`. */
  async pause(): Promise<void> {
    const arrived = new Promise<void>((resolve) => {
      this.#atGate = resolve;
    });
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
    this.#vcpu.kick();
    await Promise.race([arrived, this.#running]);
  }

  resume(): void {
    this.#gate = null;
    this.#open();
  }

  /** Leaves the guest for good, and ends the thread. */
  async close(): Promise<void> {
    this.#ended = true;
    this.resume();
    await this.#vcpu.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#ended) await this.#step();
    } catch (error) {
      if (!this.#ended) this.#end({ reason: 'failed', error: toIoregionError(this.#vcpu.id, error) });
    }
  }

  async #step(): Promise<void> {
    if (this.#gate !== null && this.#settled) {
      this.#atGate();
      await this.#gate;
      return;
    }
    const exit = await (this.#gate === null ? this.#vcpu.run() : this.#vcpu.settle());
    this.#settled = exit.reason === 'settled';
    if (!this.#settled) this.#onExit(exit);
    const end = endOf(exit, this.#vcpu);
    if (end !== null) this.#end(end);
  }

  #end(end: MachineEnd): void {
    this.#ended = true;
    this.#onEnd(end);
  }
}

/** Null where the guest goes on: accesses that no device took have read as all ones. */
function endOf(exit: VcpuExit, { id: vcpu, state }: Vcpu): MachineEnd | null {
  switch (exit.reason) {
    case 'interrupted':
    case 'settled':
    case 'KVM_EXIT_INTR':
    case 'KVM_EXIT_IO':
    case 'KVM_EXIT_MMIO':
    case 'KVM_EXIT_HLT':
      return null;
    case 'KVM_EXIT_SHUTDOWN':
      return { reason: 'triple-fault', vcpu };
    case 'KVM_EXIT_SYSTEM_EVENT':
      return exit.type === SYSTEM_EVENT_RESET ? { reason: 'reset' } : { reason: 'power-off' };
    case 'region-failure':
      return { reason: 'failed', error: new RegionFailure(exit.record) };
    default:
      return { reason: 'failed', error: new GuestStoppedError(vcpu, `${describeExit(exit)}; ${whereIs(state)}`) };
  }
}

/** For people who look for the instruction. */
function whereIs(state: VcpuState): string {
  const { rip } = state.regs();
  const { cs, cr0 } = state.sregs();
  return `rip 0x${rip.toString(16)}, cs 0x${cs.selector.toString(16)}, cr0 0x${cr0.toString(16)}`;
}

function toIoregionError(vcpu: number, error: unknown): IoregionError {
  if (error instanceof IoregionError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new GuestStoppedError(vcpu, reason, { cause: error });
}
