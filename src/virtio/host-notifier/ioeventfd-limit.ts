/** Whether a host can spare an ioeventfd for each queue. */
import { Disposables, EventFd } from '../../native/index.js';
import type { Doorbell, IoeventfdBinder } from './doorbell.js';

/**
 * `six`: an old kernel, which has six in all. They are left to those who cannot do without: owners outside this process.
 */
export type IoeventfdLimit = 'many' | 'six';

/** One more than a limited host has. */
const PROBES = 7;

/** Tries, as QEMU does: seven ioeventfds at port 0, told apart by the value written. Nothing of them is left. */
export function probeIoeventfdLimit(binder: IoeventfdBinder): IoeventfdLimit {
  using assigned = new Disposables();
  try {
    for (let value = 0; value < PROBES; value++) {
      const doorbell: Doorbell = { space: 'pio', address: 0, length: 2, datamatch: value };
      const ioeventfd = { ...doorbell, eventfd: assigned.use(EventFd.create()) };
      binder.assign(ioeventfd);
      assigned.defer(() => binder.deassign(ioeventfd));
    }
    return 'many';
  } catch {
    return 'six';
  }
}
