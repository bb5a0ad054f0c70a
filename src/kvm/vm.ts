import { Fd } from '../native/fd.js';
import type { Word64 } from './address.js';
import { checkExtension } from './capability.js';
import { CoalescedZones } from './coalesced-zones.js';
import { Interrupts } from './interrupts.js';
import { ioctl, ioctlData, ioctlGet, ioctlSet } from './ioctl.js';
import { Ioeventfds } from './ioeventfds.js';
import { type KernelIoregion, removeIoregion, setIoregion } from './ioregion-ioctl.js';
import type { Kvm } from './kvm.js';
import { MemorySlots } from './memory-slots.js';
import { CAPABILITIES, type CapabilityName } from './uapi/capabilities.js';
import { type ClockData, kvmClockData, kvmEnableCap } from './uapi/vm-structs.js';

const U64_BYTES = 8;

/** A virtual machine: memory, interrupts, in-kernel I/O and vCPUs. Made by `kvm.createVm()`. */
export class Vm {
  readonly kvm: Kvm;
  readonly fd: Fd;
  readonly memory: MemorySlots;
  readonly interrupts: Interrupts;
  readonly ioeventfds: Ioeventfds;
  readonly coalesced: CoalescedZones;

  constructor(kvm: Kvm, fd: Fd) {
    this.kvm = kvm;
    this.fd = fd;
    this.memory = new MemorySlots(fd);
    this.interrupts = new Interrupts(fd);
    this.ioeventfds = new Ioeventfds(fd);
    this.coalesced = new CoalescedZones(fd);
  }

  /** The kernel's answer for this VM; it can differ from that for the host. */
  capability(capability: CapabilityName | number): number {
    return checkExtension(this.fd, capability);
  }

  /** KVM_ENABLE_CAP, for the capabilities that are safe to enable from JavaScript. */
  enableCapability(capability: CapabilityName, args: readonly Word64[] = [], flags = 0): void {
    const cap = CAPABILITIES[capability];
    ioctlSet(this.fd, 'KVM_ENABLE_CAP', kvmEnableCap, { cap, flags, args: args.map(BigInt) });
  }

  /** Where Intel hosts keep three pages for real mode: below 4 GiB, not in memory nor in use by devices. */
  setTssAddress(gpa: number): void {
    ioctl(this.fd, 'KVM_SET_TSS_ADDR', gpa);
  }

  /** Where Intel hosts keep one page of page tables for real mode. Before the first vCPU. */
  setIdentityMapAddress(gpa: Word64): void {
    const data = new Uint8Array(U64_BYTES);
    new DataView(data.buffer).setBigUint64(0, BigInt(gpa), true);
    ioctlData(this.fd, 'KVM_SET_IDENTITY_MAP_ADDR', data);
  }

  /** Which vCPU starts the guest; 0 by default. Before the first vCPU. */
  setBootVcpu(id: number): void {
    ioctl(this.fd, 'KVM_SET_BOOT_CPU_ID', id);
  }

  /** kvmclock, in ns. */
  clock(): ClockData {
    return ioctlGet(this.fd, 'KVM_GET_CLOCK', kvmClockData);
  }

  setClock(clock: Partial<ClockData>): void {
    ioctlSet(this.fd, 'KVM_SET_CLOCK', kvmClockData, clock);
  }

  /** Registers a region with a kernel that has ioregionfd; ENOTTY from every other. */
  setIoregion(region: KernelIoregion): void {
    setIoregion(this.fd, region);
  }

  /** Removes the region with exactly this space, address and size. */
  removeIoregion(region: Pick<KernelIoregion, 'space' | 'address' | 'size'>): void {
    removeIoregion(this.fd, region);
  }

  /**
   * Creates vCPU `id`. The caller owns the descriptor; `kvm.vcpuMmapSize` bytes of it hold the kvm_run page. It keeps
   * the VM alive in the kernel after `close()`.
   *
   * @throws KvmIoctlError EEXIST (id taken), EINVAL (too many)
   */
  createVcpuFd(id: number): Fd {
    return new Fd(ioctl(this.fd, 'KVM_CREATE_VCPU', id));
  }

  /** Takes the memory back from the guest, so that it can be unmapped, and closes the descriptor. Idempotent. */
  close(): void {
    if (this.fd.closed) return;
    try {
      this.memory.clear();
    } finally {
      this.fd.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
