/** A vCPU of a real KVM guest that performs lists of accesses. */
import { RegionFailure } from 'ioregion/ioregion';
import type { Vcpu, VcpuExit } from 'ioregion/kvm';
import { LAYOUT } from '../../guests/index.js';
import type { GuestMachine } from '../stress/guest-machine.js';
import type { AccessResult, GuestAccess } from './accesses.js';
import { soon } from './bounded.js';
import { GuestList } from './guest-list.js';
import type { ContractVcpu, RunOptions, UnhandledAccess, VcpuRun } from './harness.js';
import { RunEvents } from './run-events.js';

export class GuestVcpu implements ContractVcpu {
  readonly tid: number;
  readonly #id: number;
  readonly #machine: GuestMachine;
  readonly #unhandled: UnhandledAccess[];

  constructor(machine: GuestMachine, id: number, tid: number, unhandled: UnhandledAccess[]) {
    this.#machine = machine;
    this.#id = id;
    this.tid = tid;
    this.#unhandled = unhandled;
  }

  start(accesses: readonly GuestAccess[], { hold = false }: RunOptions = {}): VcpuRun {
    const run = new GuestRun(this.#vcpu, hold, (exit) => this.#onExit(exit));
    const list = new GuestList(this.#machine.memory, this.#id, accesses);
    this.#machine.enter(this.#id, list.gpa);
    const results = soon(
      run.toEnd().then(() => list.results()),
      'the end of a run',
    );
    results.catch(() => {}); /* of a vCPU that is closed in the middle */
    return run.seenFrom(results);
  }

  kick(): boolean {
    return this.#vcpu.kick();
  }

  close(): Promise<void> {
    return soon(this.#vcpu.close(), 'the end of a vCPU');
  }

  get #vcpu(): Vcpu {
    return this.#machine.vcpus[this.#id]!;
  }

  #onExit(exit: VcpuExit): void {
    const seen = unhandledAccesses(this.#id, exit);
    if (seen === null) throw new Error(`the guest stopped with ${exit.reason}`);
    this.#unhandled.push(...seen);
  }
}

class GuestRun {
  readonly #vcpu: Vcpu;
  readonly #hold: boolean;
  readonly #onExit: (exit: VcpuExit) => void;
  readonly #events = new RunEvents();
  #goOn: () => void = () => {};

  constructor(vcpu: Vcpu, hold: boolean, onExit: (exit: VcpuExit) => void) {
    this.#vcpu = vcpu;
    this.#hold = hold;
    this.#onExit = onExit;
  }

  seenFrom(results: Promise<readonly AccessResult[]>): VcpuRun {
    const events = this.#events;
    return {
      results,
      get interruptions() {
        return events.interruptions;
      },
      next: () => soon(events.next(), 'an event of a run'),
      resume: () => this.#goOn(),
    };
  }

  async toEnd(): Promise<void> {
    for (;;) {
      const exit = await this.#vcpu.run();
      if (isEnd(exit)) break;
      if (exit.reason !== 'interrupted' && exit.reason !== 'region-failure') this.#onExit(exit);
      else await this.#report(exit);
    }
    this.#events.push({ type: 'done' });
  }

  async #report(exit: Extract<VcpuExit, { reason: 'interrupted' | 'region-failure' }>): Promise<void> {
    const resumed = new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
    if (exit.reason === 'interrupted') this.#events.push({ type: 'interrupted' });
    else this.#events.push({ type: 'stopped', failure: new RegionFailure(exit.record) });
    if (this.#hold) await resumed;
  }
}

function isEnd(exit: VcpuExit): boolean {
  return (
    exit.reason === 'KVM_EXIT_IO' && exit.port === LAYOUT.GUEST_EXIT_PORT && exit.data[0] === LAYOUT.GUEST_STATUS_OK
  );
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** null where the exit is none of an access. */
function unhandledAccesses(vcpu: number, exit: VcpuExit): UnhandledAccess[] | null {
  if (exit.reason === 'KVM_EXIT_MMIO') {
    const { address, size, isWrite, data } = exit;
    return [
      { vcpu, space: 'mmio', write: isWrite, address: Number(address), size, value: isWrite ? numberOf(data) : 0n },
    ];
  }
  if (exit.reason !== 'KVM_EXIT_IO') return null;
  const { port, size, count, isWrite, data } = exit;
  const elementAt = (index: number) => (isWrite ? numberOf(data.subarray(index * size, (index + 1) * size)) : 0n);
  return Array.from({ length: count }, (_, index) => {
    return { vcpu, space: 'pio', write: isWrite, address: port, size, value: elementAt(index) };
  });
}
