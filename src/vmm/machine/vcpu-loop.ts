/** One vCPU of a running machine: enters the guest again and again, until the machine ends. */

import { RegionFailure } from '../../ioregion/index.js';
import { describeExit, type Vcpu, VcpuClosedError, type VcpuExit, type VcpuState } from '../../kvm/index.js';
import { IoregionError } from '../../native/index.js';
import { GuestStoppedError } from '../errors.js';
import type { MachineEnd } from './machine-end.js';

const SYSTEM_EVENT_RESET = 2;

interface Question {
  readonly question: unknown;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

export class VcpuLoop {
  readonly #vcpu: Vcpu;
  readonly #onExit: (exit: VcpuExit) => void;
  readonly #onEnd: (end: MachineEnd) => void;
  #ended = false;
  #paused = false;
  /** Ends the wait of a vCPU that is paused. */
  #wake: () => void = () => {};
  /** Nothing of the vCPU is outside of what KVM saves. */
  #settled = false;
  /** Tells who waits for this vCPU to be out of the guest. */
  #atGate: () => void = () => {};
  readonly #questions: Question[] = [];
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
    this.#paused = true;
    this.#vcpu.kick();
    await Promise.race([arrived, this.#running]);
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  /** What the exit handler of this vCPU answers, between two runs of the guest. Rejects also where the vCPU ends before. */
  ask(question: unknown): Promise<unknown> {
    if (this.#ended) return Promise.reject(new VcpuClosedError(this.#vcpu.id));
    return new Promise((resolve, reject) => {
      this.#questions.push({ question, resolve, reject });
      this.#vcpu.kick();
      this.#wake();
    });
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
    for (const { reject } of this.#questions.splice(0)) reject(new VcpuClosedError(this.#vcpu.id));
  }

  async #step(): Promise<void> {
    const asked = this.#questions.shift();
    if (asked !== undefined) return await this.#vcpu.ask(asked.question).then(asked.resolve, asked.reject);
    if (this.#paused && this.#settled) return await this.#wait();
    const exit = await (this.#paused ? this.#vcpu.settle() : this.#vcpu.run());
    this.#settled = exit.reason === 'settled';
    if (!this.#settled) this.#onExit(exit);
    const end = endOf(exit, this.#vcpu);
    if (end !== null) this.#end(end);
  }

  #wait(): Promise<void> {
    this.#atGate();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
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
