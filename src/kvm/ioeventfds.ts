import type { Word64 } from './address.js';
import { type Descriptor, ioctlSet } from './ioctl.js';
import { IoeventfdFlag, kvmIoeventfd } from './uapi/vm-structs.js';

/** Where an ioeventfd listens: the two address spaces, and the doorbells of virtio-ccw (s390 only). */
export type IoeventfdSpace = 'mmio' | 'pio' | 'virtio-ccw';

/** A guest write that KVM turns into an increment of an eventfd, without leaving the kernel. */
export interface Ioeventfd {
  readonly eventfd: Descriptor;
  readonly space: IoeventfdSpace;
  /** Exact guest-physical address or port. */
  readonly address: Word64;
  /** Width in bytes of the writes that count; 0 for any width. */
  readonly length: 0 | 1 | 2 | 4 | 8;
  /** Only writes of this value count; needs a length. */
  readonly datamatch?: Word64;
}

/** What tells two ioeventfds of a VM apart; the kernel refuses a second one that it could not tell from the first. */
const keyOf = ({ space, address, length, datamatch }: Ioeventfd): string =>
  `${space} ${address} ${length} ${datamatch ?? 'any'}`;

const SPACE_FLAGS = { mmio: 0, pio: IoeventfdFlag.pio, 'virtio-ccw': IoeventfdFlag.virtioCcwNotify } as const;

/** The ioeventfds of a VM. */
export class Ioeventfds {
  readonly #vm: Descriptor;
  readonly #assigned = new Map<string, Ioeventfd>();

  constructor(vm: Descriptor) {
    this.#vm = vm;
  }

  /**
   * KVM keeps its own reference to the eventfd: closing the descriptor does not end the ioeventfd.
   *
   * @throws KvmIoctlError EEXIST (taken), EINVAL (length, flags, no eventfd), EBADF, ENOSPC
   */
  assign(ioeventfd: Ioeventfd): void {
    this.#set(ioeventfd, 0);
    this.#assigned.set(keyOf(ioeventfd), ioeventfd);
  }

  /**
   * Takes an ioeventfd away, given with the same eventfd, space, address, length and datamatch. A signal that came
   * before stays in the eventfd.
   *
   * @throws KvmIoctlError ENOENT where there is none like it
   */
  deassign(ioeventfd: Ioeventfd): void {
    this.#set(ioeventfd, IoeventfdFlag.deassign);
    this.#assigned.delete(keyOf(ioeventfd));
  }

  /** Those assigned now. An ioregion cannot overlap one of them. */
  get assigned(): readonly Ioeventfd[] {
    return [...this.#assigned.values()];
  }

  #set({ eventfd, space, address, length, datamatch }: Ioeventfd, flags: number): void {
    ioctlSet(this.#vm, 'KVM_IOEVENTFD', kvmIoeventfd, {
      addr: BigInt(address),
      len: length,
      fd: eventfd.number,
      datamatch: BigInt(datamatch ?? 0),
      flags: flags | SPACE_FLAGS[space] | (datamatch === undefined ? 0 : IoeventfdFlag.datamatch),
    });
  }
}
