import type { Space, Word64 } from './address.js';
import { type Descriptor, ioctlSet } from './ioctl.js';
import { IoregionFlag, kvmIoregion } from './uapi/vm-structs.js';

/** The argument of KVM_SET_IOREGION (RFC v3), for kernels that have it. */
export interface KernelIoregion {
  readonly space: Space;
  readonly address: Word64;
  /** Bytes; 0 with `postedWrites` for one exact address and any width. */
  readonly size: Word64;
  /** Comes back in every command. */
  readonly userData?: Word64;
  /** Where the kernel reads responses. */
  readonly readFd: Descriptor;
  /** Where the kernel writes commands; may be the same socket. */
  readonly writeFd: Descriptor;
  readonly postedWrites?: boolean;
}

const spaceFlag = (space: Space): number => (space === 'pio' ? IoregionFlag.pio : 0);
/** RFC v3 ignores the descriptors when it removes a region. */
const NO_FD = -1;

/** Registers a region with the kernel. */
export function setIoregion(vm: Descriptor, region: KernelIoregion): void {
  ioctlSet(vm, 'KVM_SET_IOREGION', kvmIoregion, {
    guestPaddr: BigInt(region.address),
    memorySize: BigInt(region.size),
    userData: BigInt(region.userData ?? 0),
    readFd: region.readFd.number,
    writeFd: region.writeFd.number,
    flags: spaceFlag(region.space) | (region.postedWrites ? IoregionFlag.postedWrites : 0),
  });
}

/** Removes the region with exactly this space, address and size. */
export function removeIoregion(vm: Descriptor, region: Pick<KernelIoregion, 'space' | 'address' | 'size'>): void {
  ioctlSet(vm, 'KVM_SET_IOREGION', kvmIoregion, {
    guestPaddr: BigInt(region.address),
    memorySize: BigInt(region.size),
    readFd: NO_FD,
    writeFd: NO_FD,
    flags: spaceFlag(region.space) | IoregionFlag.deassign,
  });
}
