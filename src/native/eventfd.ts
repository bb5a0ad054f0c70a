/** eventfd(2): the counter behind doorbells, kicks and calls. */
import { native } from './binding.js';
import { Fd } from './fd.js';
import { system, toSystemError } from './system-error.js';

export interface EventFdOptions {
  /** Initial counter value, below 2^32. Default 0. */
  initial?: number;
  /** A read of zero returns null instead of waiting. Default true. */
  nonblock?: boolean;
  /** A read takes 1 instead of everything. Default false. */
  semaphore?: boolean;
}

export class EventFd extends Fd {
  static create({ initial = 0, nonblock = true, semaphore = false }: EventFdOptions = {}): EventFd {
    return new EventFd(system(() => native.eventfd(initial, nonblock, semaphore)));
  }

  override dup(): EventFd {
    return new EventFd(this.duplicateNumber());
  }

  /** Adds `value` to the counter. */
  signal(value = 1): void {
    try {
      native.eventfdWrite(this.number, value);
    } catch (error) {
      throw toSystemError(error);
    }
  }

  /** Takes the counter and leaves zero; null where it was zero and the eventfd does not block. */
  take(): bigint | null {
    try {
      return native.eventfdRead(this.number);
    } catch (error) {
      throw toSystemError(error);
    }
  }

  /** Clears a non-blocking eventfd: true where it had been signalled. */
  testAndClear(): boolean {
    return this.take() !== null;
  }

  /**
   * Waits on this thread, at most `micros` (up to 1000), until it is signalled, and clears it: true. False where the time ran
   * out, or where the event loop has something else to do. Costs less than the way through the event loop, and makes no bigint.
   */
  waitAndClear(micros: number): boolean {
    return native.eventfdWait(this.number, micros);
  }
}
