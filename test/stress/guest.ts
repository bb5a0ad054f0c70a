/** One face for what makes accesses: a loopback caller, or the oplist guest on a real vCPU. */
import type { LoopbackCaller, NativeDispatcher } from 'ioregion/ioregion';
import { AccessOutcome } from 'ioregion/native';

export interface Access {
  readonly space: 'mmio' | 'pio';
  readonly address: number;
  readonly size: 1 | 2 | 4;
  /** What is written; absent for a read. */
  readonly value?: number;
}

export interface AccessRun {
  /** By access; null for a write. */
  readonly values: readonly (number | null)[];
  /** How often the guest stopped at a failure, and was then let go on. */
  readonly stops: number;
}

export interface AccessGuest {
  readonly dispatcher: NativeDispatcher;
  /** Makes the accesses in their order. */
  perform(accesses: readonly Access[]): Promise<AccessRun>;
  close(): Promise<void>;
}

/** Makes accesses on this thread. */
export class LoopbackGuest implements AccessGuest {
  readonly dispatcher: NativeDispatcher;
  readonly #caller: LoopbackCaller;

  constructor(dispatcher: NativeDispatcher, caller: LoopbackCaller) {
    this.dispatcher = dispatcher;
    this.#caller = caller;
  }

  async perform(accesses: readonly Access[]): Promise<AccessRun> {
    const values: (number | null)[] = [];
    let stops = 0;
    for (const { space, address, size, value } of accesses) {
      let outcome = this.#caller.begin(space, value !== undefined, address, size, value);
      while (outcome === AccessOutcome.failed) {
        const decision = await this.dispatcher.resolveFailure(this.#caller.failureRecord());
        if (decision === 'stop') stops += 1;
        outcome = this.#caller.resolve(decision === 'retry');
      }
      values.push(value === undefined ? this.#caller.valueLow : null);
    }
    return { values, stops };
  }

  async close(): Promise<void> {
    this.#caller.close();
    this.dispatcher.close();
  }
}
