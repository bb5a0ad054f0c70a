import type { Space, Word64 } from './address.js';
import { type Descriptor, ioctlSet } from './ioctl.js';
import type { IoctlName } from './uapi/ioctls.js';
import { kvmCoalescedMmioZone } from './uapi/vm-structs.js';

/** A range whose writes KVM collects in a ring instead of leaving the guest. Reads exit as always. */
export interface CoalescedZone {
  readonly space: Space;
  readonly address: Word64;
  /** Bytes. */
  readonly size: number;
}

/** The coalesced zones of a VM. `CoalescedRing` reads what they collect. */
export class CoalescedZones {
  readonly #vm: Descriptor;

  constructor(vm: Descriptor) {
    this.#vm = vm;
  }

  /** @throws KvmIoctlError ENOSPC where the VM's bus is full */
  register(zone: CoalescedZone): void {
    this.#set('KVM_REGISTER_COALESCED_MMIO', zone);
  }

  /** Ends every zone that the range lies in; nothing happens where there is none. */
  unregister(zone: CoalescedZone): void {
    this.#set('KVM_UNREGISTER_COALESCED_MMIO', zone);
  }

  #set(name: IoctlName, { space, address, size }: CoalescedZone): void {
    ioctlSet(this.#vm, name, kvmCoalescedMmioZone, { addr: BigInt(address), size, pio: space === 'pio' ? 1 : 0 });
  }
}
