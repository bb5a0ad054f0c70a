/** Where a queue's doorbell is, and what binds eventfds there. */
import type { Ioeventfd } from '../../kvm/index.js';

/** The writes that are kicks of one queue: an ioeventfd without its eventfd. */
export type Doorbell = Omit<Ioeventfd, 'eventfd'>;

/** What host notifiers need of `vm.ioeventfds`. Both throw where the VM refuses. */
export interface IoeventfdBinder {
  assign(ioeventfd: Ioeventfd): void;
  deassign(ioeventfd: Ioeventfd): void;
}
