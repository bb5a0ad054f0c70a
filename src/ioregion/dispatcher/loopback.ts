/**
 * The loopback dispatcher: the same regions, channels and rules without KVM. A caller stands for a vCPU; it makes one
 * access at a time and blocks its thread meanwhile.
 */
import {
  AccessOutcome,
  AreaWord,
  type CallerObject,
  type DispatcherObject,
  type FailureRecord,
  native,
  readFailureRecord,
} from '../../native/index.js';
import type { DispatcherKind } from './dispatcher.js';
import { RegionFailure } from './failure.js';
import { type FailureDecision, NativeDispatcher } from './native-dispatcher.js';

const WRITE = 1;
const PIO = 2;
const ALL_ONES = 0xffffffff;

/** Accesses regions as a vCPU would. Belongs to the thread that made it; only `kick` is for other threads. */
export class LoopbackCaller {
  /**
   * Called with each failure that is reported to this caller; the answer ends the access (`stop` throws the failure).
   * By default the region's policy; `reconnect` needs a handler of its own, because this thread cannot wait for one.
   */
  onFailure: (failure: RegionFailure) => FailureDecision = (failure) =>
    failure.policy === 'all-ones' || failure.reason === 'region-removed' ? 'all-ones' : 'stop';
  /** Called each time an access is interrupted by `kick`, before it goes on. */
  onInterrupted: (() => void) | null = null;
  /** Names this caller to `kickCaller` on other threads. */
  readonly id: number;
  readonly #object: CallerObject;
  readonly #words: Uint32Array;
  readonly #call: () => void;

  constructor(dispatcher: DispatcherObject) {
    this.#object = native.callerCreate(dispatcher);
    this.id = native.callerId(this.#object);
    this.#words = new Uint32Array(native.callerArea(this.#object));
    this.#call = native.accessFunction(this.#object);
  }

  /** High half of the value that an 8-byte read returned. */
  get valueHigh(): number {
    return this.#words[AreaWord.valueHigh]!;
  }

  /** Reads 1, 2, 4 or 8 bytes (the low half is returned, see `valueHigh`); all ones where no region answers. */
  read(space: 'mmio' | 'pio', address: number, size: number): number {
    this.#prepare(space === 'pio' ? PIO : 0, address, size, 0, 0);
    const outcome = this.#access();
    if (outcome !== AccessOutcome.done && !this.#finish(outcome)) return this.#nobody(size);
    return this.#words[AreaWord.valueLow]!;
  }

  /** Writes; false where no region takes it. */
  write(space: 'mmio' | 'pio', address: number, size: number, low: number, high = 0): boolean {
    this.#prepare(space === 'pio' ? PIO | WRITE : WRITE, address, size, low, high);
    const outcome = this.#access();
    return outcome === AccessOutcome.done || this.#finish(outcome);
  }

  /** Starts an access and returns its outcome as it is: for callers that handle interruption and failure themselves. */
  begin(space: 'mmio' | 'pio', write: boolean, address: number, size: number, low = 0, high = 0): number {
    this.#prepare((space === 'pio' ? PIO : 0) | (write ? WRITE : 0), address, size, low, high);
    return this.#access();
  }

  /** Goes on with an interrupted access. */
  resume(): number {
    return native.resume(this.#object);
  }

  /** Ends a failed access with all ones, or sends it again. */
  resolve(retry: boolean): number {
    return native.resolve(this.#object, retry ? 1 : 0);
  }

  /** The failure that the last access met. */
  failure(): RegionFailure {
    return new RegionFailure(this.failureRecord());
  }

  /** The same, for `NativeDispatcher.resolveFailure`: for callers that can wait for a reconnection. */
  failureRecord(): FailureRecord {
    return readFailureRecord(this.#words);
  }

  /** Low half of the value that the last read returned. */
  get valueLow(): number {
    return this.#words[AreaWord.valueLow]!;
  }

  /** Ends the caller; a response that is still owed to it is dropped by the next user of the channel. */
  close(): void {
    native.callerRelease(this.#object);
  }

  /** Makes the access that the area describes. */
  #access(): number {
    this.#call();
    return this.#words[AreaWord.outcome]!;
  }

  #prepare(flags: number, address: number, size: number, low: number, high: number): void {
    const words = this.#words;
    words[AreaWord.valueLow] = low;
    words[AreaWord.valueHigh] = high;
    words[AreaWord.addressLow] = address;
    words[AreaWord.addressHigh] = address / 2 ** 32;
    words[AreaWord.size] = size;
    words[AreaWord.flags] = flags;
  }

  /** True once the access is done, false where no region took it. */
  #finish(first: number): boolean {
    let outcome = first;
    while (outcome > AccessOutcome.unhandled) {
      if (outcome === AccessOutcome.interrupted) {
        this.onInterrupted?.();
        outcome = this.resume();
      } else {
        outcome = this.#decide(this.failure());
      }
    }
    return outcome === AccessOutcome.done;
  }

  #decide(failure: RegionFailure): number {
    const decision = this.onFailure(failure);
    const outcome = this.resolve(decision === 'retry');
    if (decision === 'stop') throw failure;
    return outcome;
  }

  #nobody(size: number): number {
    this.#words[AreaWord.valueHigh] = size === 8 ? ALL_ONES : 0;
    return size < 4 ? 2 ** (8 * size) - 1 : ALL_ONES;
  }
}

/** A dispatcher whose guest is JavaScript. */
export class LoopbackDispatcher extends NativeDispatcher {
  override readonly kind: DispatcherKind = 'loopback';

  createCaller(): LoopbackCaller {
    return new LoopbackCaller(this.object);
  }
}

/** On another Worker: a caller of the dispatcher with this id. */
export function openLoopbackCaller(dispatcherId: number): LoopbackCaller {
  const object = native.dispatcherOpen(dispatcherId);
  try {
    return new LoopbackCaller(object);
  } finally {
    native.dispatcherRelease(object);
  }
}

/** From any thread: the access under way, or the next one, is interrupted. False where the caller is gone. */
export function kickLoopbackCaller(id: number): boolean {
  return native.kickCaller(id);
}
