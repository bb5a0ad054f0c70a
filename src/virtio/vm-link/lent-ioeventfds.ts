/** The ioeventfds that a VM has for a device in another process, with the eventfds that came from there. */
import type { Fd } from '../../native/index.js';
import type { Doorbell, IoeventfdBinder } from '../host-notifier/index.js';

interface Lent {
  readonly doorbell: Doorbell;
  readonly eventfd: Fd;
}

const keyOf = ({ space, address, length, datamatch }: Doorbell): string =>
  `${space} ${address} ${length} ${datamatch ?? 'any'}`;

export class LentIoeventfds {
  readonly #binder: IoeventfdBinder;
  readonly #lent = new Map<string, Lent>();

  constructor(binder: IoeventfdBinder) {
    this.#binder = binder;
  }

  /** Takes over `eventfd` where the VM accepts it. @throws what the binder throws */
  assign(doorbell: Doorbell, eventfd: Fd): void {
    this.#binder.assign({ ...doorbell, eventfd });
    this.#lent.set(keyOf(doorbell), { doorbell, eventfd });
  }

  /** False where the device has none there. @throws what the binder throws */
  deassign(doorbell: Doorbell): boolean {
    const lent = this.#lent.get(keyOf(doorbell));
    if (lent === undefined) return false;
    this.#lent.delete(keyOf(doorbell));
    try {
      this.#binder.deassign({ ...lent.doorbell, eventfd: lent.eventfd });
    } finally {
      lent.eventfd.close();
    }
    return true;
  }

  /** Takes all of them away. A VM that is gone has none. */
  clear(): void {
    for (const { doorbell } of [...this.#lent.values()]) {
      try {
        this.deassign(doorbell);
      } catch {
        // The VM has been closed before the link: its ioeventfds went with it.
      }
    }
  }
}
