import { EventFd } from '../../native/eventfd.js';
import { KvmIoctlError } from '../errors.js';
import type { Ioeventfds } from '../ioeventfds.js';

/** One more than the kernels of 2009 allowed. */
export const IOEVENTFDS_TRIED = 7;

/**
 * How many ioeventfds a VM of this host takes, of the seven that QEMU tries too: port 0, 2 bytes, datamatch 0 to 6.
 * Fewer than seven means the historical limit of six, too few to spend one on each virtqueue. They stay: give it a VM
 * that is thrown away, because each one deassigned costs the kernel a grace period.
 */
export function countIoeventfds(ioeventfds: Ioeventfds): number {
  using eventfd = EventFd.create();
  const one = (datamatch: number) => ({ eventfd, space: 'pio', address: 0, length: 2, datamatch }) as const;
  let assigned = 0;
  try {
    for (; assigned < IOEVENTFDS_TRIED; assigned++) ioeventfds.assign(one(assigned));
  } catch (error) {
    if (!(error instanceof KvmIoctlError)) throw error;
  }
  return assigned;
}
