/** The ioeventfds of a VM that has a limited number of them, and a guest that kicks. */
import type { EventFd } from 'ioregion/native';
import type { Doorbell, IoeventfdBinder } from '#dist/src/virtio/host-notifier/index.js';

type Ioeventfd = Parameters<IoeventfdBinder['assign']>[0];

const keyOf = ({ space, address, length, datamatch }: Doorbell) =>
  `${space} ${address} ${length} ${datamatch ?? 'any'}`;

export class RecordedBinder implements IoeventfdBinder {
  readonly assigned = new Map<string, Ioeventfd>();
  /** What was done, in order. */
  readonly log: string[] = [];
  /** Called before an ioeventfd goes: a guest that kicks just then. */
  beforeDeassign: (doorbell: Doorbell) => void = () => {};
  limit: number;

  constructor(limit = 1000) {
    this.limit = limit;
  }

  assign(ioeventfd: Ioeventfd): void {
    const key = keyOf(ioeventfd);
    if (this.assigned.has(key)) throw new Error('EEXIST');
    if (this.assigned.size >= this.limit) throw new Error('ENOSPC');
    this.assigned.set(key, ioeventfd);
    this.log.push(`assign ${key}`);
  }

  deassign(ioeventfd: Ioeventfd): void {
    this.beforeDeassign(ioeventfd);
    const key = keyOf(ioeventfd);
    if (this.assigned.get(key)?.eventfd !== ioeventfd.eventfd) throw new Error('ENOENT');
    this.assigned.delete(key);
    this.log.push(`deassign ${key}`);
  }

  /** A guest's write to a doorbell; false where it would reach the register. */
  write(doorbell: Doorbell): boolean {
    const found = this.assigned.get(keyOf(doorbell));
    (found?.eventfd as EventFd | undefined)?.signal();
    return found !== undefined;
  }
}
