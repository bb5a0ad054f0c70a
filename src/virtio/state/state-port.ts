/** A Suspendable behind registers of 4 bytes, for whoever reaches its thread by a region only. The guest cannot reach it. */
import type { RegisterDevice } from '../../ioregion/device.js';
import { IoregionError } from '../../native/index.js';
import { pack, unpack } from './packed.js';
import { decodeState, encodeState } from './plain-data.js';
import type { Suspendable } from './suspendable.js';

export const StateRegister = { magic: 0x00, command: 0x04, status: 0x08, length: 0x0c, data: 0x10 } as const;
/** Of the region. */
export const STATE_PORT_BYTES = 0x20;
export const STATE_PORT_MAGIC = 0x5453_4f49;
export const StateCommand = { suspend: 1, save: 2, restore: 3, resume: 4 } as const;
/** `failed`: the data is why, as JSON that is not packed: code and message. */
export const StateStatus = { done: 0, busy: 1, failed: 2 } as const;
/** Data goes by 4 bytes at a time: more than this would take minutes. */
export const MAX_PORT_BYTES = 2 ** 20;

export class StatePort implements RegisterDevice {
  readonly #target: Suspendable;
  #data: Uint8Array = new Uint8Array(0);
  #position = 0;
  #failed = false;
  #suspending = false;

  constructor(target: Suspendable) {
    this.#target = target;
  }

  read(offset: number, size: number): number {
    if (size !== 4) return -1;
    if (offset === StateRegister.magic) return STATE_PORT_MAGIC;
    if (offset === StateRegister.status) return this.#status;
    if (offset === StateRegister.length) return this.#data.length;
    return offset === StateRegister.data ? this.#next() : -1;
  }

  /** Writes to `length` make room for data to come, which `restore` takes. */
  write(offset: number, size: number, value: number): void {
    if (size !== 4) return;
    if (offset === StateRegister.command) this.#carryOut(value);
    else if (offset === StateRegister.length) this.#put(new Uint8Array(Math.min(value, MAX_PORT_BYTES)));
    else if (offset === StateRegister.data) this.#append(value);
  }

  get #status(): number {
    if (this.#failed) return StateStatus.failed;
    return this.#suspending && !this.#target.quiet ? StateStatus.busy : StateStatus.done;
  }

  #carryOut(command: number): void {
    this.#failed = false;
    this.#suspending = command === StateCommand.suspend;
    try {
      if (command === StateCommand.suspend) this.#target.suspend();
      else if (command === StateCommand.save) this.#put(pack(encodeState(this.#target.save())));
      else if (command === StateCommand.restore) this.#target.restore(decodeState(unpack(this.#data)));
      else if (command === StateCommand.resume) this.#target.resume();
    } catch (error) {
      this.#failed = true;
      this.#put(describeFailure(error));
    }
  }

  #put(data: Uint8Array): void {
    this.#data = data;
    this.#position = 0;
  }

  /** Zero behind the end. */
  #next(): number {
    const at = this.#position;
    const data = this.#data;
    this.#position = Math.min(at + 4, data.length);
    const byte = (index: number): number => data[at + index] ?? 0;
    return (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)) >>> 0;
  }

  #append(value: number): void {
    for (let byte = 0; byte < 4 && this.#position < this.#data.length; byte++) {
      this.#data[this.#position++] = value >>> (8 * byte);
    }
  }
}

/** Code and message, cut to a length that is told by registers in no time. */
export function describeFailure(error: unknown): Uint8Array {
  const code = error instanceof IoregionError ? error.code : 'ERR_IOREGION_SAVED_STATE';
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 500);
  return new TextEncoder().encode(JSON.stringify({ code, message }));
}
