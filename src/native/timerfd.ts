/** timerfd(2) on CLOCK_MONOTONIC. */
import { native } from './binding.js';
import { Fd } from './fd.js';
import { system } from './system-error.js';

/** A non-blocking timer that becomes readable when it expires. */
export class TimerFd extends Fd {
  static create(): TimerFd {
    return new TimerFd(system(() => native.timerfd()));
  }

  override dup(): TimerFd {
    return new TimerFd(this.duplicateNumber());
  }

  /** Expires after `afterNs` (1 or more), then every `everyNs` where that is not 0. */
  arm(afterNs: number, everyNs = 0): void {
    system(() => native.timerfdSet(this.number, afterNs, everyNs));
  }

  disarm(): void {
    system(() => native.timerfdSet(this.number, 0, 0));
  }

  /** Expirations since the last call. */
  takeExpirations(): bigint {
    return system(() => native.eventfdRead(this.number)) ?? 0n;
  }
}
