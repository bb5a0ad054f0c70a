/** A vCPU that runs lists of operations in a machine that may have several. */
import {
  LAYOUT,
  mmioRead,
  mmioWrite,
  type Op,
  pioRead,
  pioWrite,
  readOpResult,
  writeOplist,
} from '../../guests/index.js';
import type { Access } from './guest.js';
import type { GuestMachine } from './guest-machine.js';
import type { Performer } from './performer.js';

/** Most accesses of one list. */
export const LIST_ACCESSES = 2048;

export class VcpuPerformer implements Performer {
  interruptions = 0;
  /** Failures at which the guest stopped, and was then let go on. */
  stops = 0;
  readonly #machine: GuestMachine;
  readonly #vcpu: number;
  readonly #list: number;
  #awaited: { readonly count: number; readonly resolve: () => void } | null = null;

  /** The machine runs the oplist guest. */
  constructor(machine: GuestMachine, vcpu: number) {
    this.#machine = machine;
    this.#vcpu = vcpu;
    this.#list = LAYOUT.GUEST_FREE + vcpu * (LIST_ACCESSES + 1) * LAYOUT.OP_SIZE;
  }

  async perform(accesses: readonly Access[]): Promise<readonly (number | null)[]> {
    if (accesses.length > LIST_ACCESSES) throw new RangeError(`${accesses.length} accesses, at most ${LIST_ACCESSES}`);
    const { memory } = this.#machine;
    writeOplist(memory, this.#list, accesses.map(toOp));
    this.#machine.enter(this.#vcpu, this.#list);
    await this.#machine.runToEnd(this.#vcpu, ({ reason }) => {
      if (reason === 'interrupted') this.#countInterruption();
      else this.stops += 1;
    });
    return accesses.map(({ value }, index) =>
      value === undefined ? Number(readOpResult(memory, this.#list, index).value) : null,
    );
  }

  /** One caller at a time. */
  interrupted(count: number): Promise<void> {
    if (this.interruptions >= count) return Promise.resolve();
    return new Promise((resolve) => {
      this.#awaited = { count, resolve };
    });
  }

  kick(): void {
    this.#machine.vcpus[this.#vcpu]!.kick();
  }

  /** The machine is closed by its owner. */
  async close(): Promise<void> {}

  #countInterruption(): void {
    this.interruptions += 1;
    if (this.#awaited === null || this.interruptions < this.#awaited.count) return;
    this.#awaited.resolve();
    this.#awaited = null;
  }
}

function toOp({ space, address, size, value }: Access): Op {
  if (space === 'mmio') return value === undefined ? mmioRead(address, size) : mmioWrite(address, size, value);
  return value === undefined ? pioRead(address, size) : pioWrite(address, size, value);
}
