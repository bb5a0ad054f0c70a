/** Structures of the VM ioctls: interrupts, ioeventfds, ioregions, coalesced zones, clock. */
import { array, bytes, cNamed, s32, u8, u32, u64 } from './c-types.js';
import { padding, struct, type ValueOf } from './struct.js';

export const kvmUserspaceMemoryRegion = struct('kvm_userspace_memory_region', {
  slot: u32,
  flags: u32,
  guestPhysAddr: u64,
  memorySize: u64,
  userspaceAddr: u64,
});
/** KVM_MEM_* flags of a slot. */
export const MemoryFlag = { logDirtyPages: 1, readonly: 2 } as const;

/** `struct kvm_dirty_log` holds a pointer, so only the addon fills it in. */
export const DIRTY_LOG_BYTES = 16;

export const kvmIoeventfd = struct('kvm_ioeventfd', {
  datamatch: u64,
  addr: u64,
  len: u32,
  fd: s32,
  flags: u32,
  pad: padding(36),
});
/** KVM_IOEVENTFD_FLAG_*. */
export const IoeventfdFlag = { datamatch: 1, pio: 2, deassign: 4, virtioCcwNotify: 8 } as const;

export const kvmIrqfd = struct('kvm_irqfd', {
  fd: u32,
  gsi: u32,
  flags: u32,
  resamplefd: u32,
  pad: padding(16),
});
/** KVM_IRQFD_FLAG_*. */
export const IrqfdFlag = { deassign: 1, resample: 2 } as const;

export const kvmMsi = struct('kvm_msi', {
  addressLo: u32,
  addressHi: u32,
  data: u32,
  flags: u32,
  devid: u32,
  pad: padding(12),
});

export const kvmIrqLevel = struct('kvm_irq_level', { irq: u32, level: u32 });

/** Head of `struct kvm_irq_routing`; the entries follow it. */
export const kvmIrqRouting = struct('kvm_irq_routing', { nr: u32, flags: u32 });
/** A routing entry that names a pin of an interrupt controller. */
export const kvmIrqRoutingIrqchipEntry = struct('kvm_irq_routing_entry', {
  gsi: u32,
  type: u32,
  flags: u32,
  pad: padding(4),
  irqchip: cNamed('u.irqchip.irqchip', u32),
  pin: cNamed('u.irqchip.pin', u32),
  rest: padding(24),
});
/** A routing entry that names an MSI message. */
export const kvmIrqRoutingMsiEntry = struct('kvm_irq_routing_entry', {
  gsi: u32,
  type: u32,
  flags: u32,
  pad: padding(4),
  addressLo: cNamed('u.msi.address_lo', u32),
  addressHi: cNamed('u.msi.address_hi', u32),
  data: cNamed('u.msi.data', u32),
  devid: cNamed('u.msi.devid', u32),
  rest: padding(16),
});
/** KVM_IRQ_ROUTING_* entry types. */
export const RoutingType = { irqchip: 1, msi: 2 } as const;
/** KVM_IRQCHIP_*: the interrupt controllers a pin can belong to. */
export const Irqchip = { picMaster: 0, picSlave: 1, ioapic: 2 } as const;

/** `struct kvm_irqchip`: the registers of one controller, in a layout that depends on which. */
export const IRQCHIP_STATE_BYTES = 512;
export const kvmIrqchip = struct('kvm_irqchip', {
  chipId: u32,
  pad: padding(4),
  state: cNamed('chip', bytes(IRQCHIP_STATE_BYTES)),
});

/** Bytes of `struct kvm_pit_state2`: three channels and flags. */
export const PIT_STATE_BYTES = 112;

export const kvmPitConfig = struct('kvm_pit_config', { flags: u32, pad: padding(60) });
export const PIT_SPEAKER_DUMMY = 1;

export const kvmCoalescedMmioZone = struct('kvm_coalesced_mmio_zone', { addr: u64, size: u32, pio: u32 });
/** One entry of the coalesced ring: a write the guest has already left behind. */
export const kvmCoalescedMmio = struct('kvm_coalesced_mmio', { physAddr: u64, len: u32, pio: u32, data: array(u8, 8) });
/** Head of `struct kvm_coalesced_mmio_ring`; the entries follow it to the end of the page. */
export const kvmCoalescedMmioRing = struct('kvm_coalesced_mmio_ring', { first: u32, last: u32 });

export const kvmClockData = struct('kvm_clock_data', {
  clock: u64,
  flags: u32,
  pad0: padding(4),
  realtime: u64,
  hostTsc: u64,
  pad: padding(16),
});
/** kvmclock in ns; `realtime` and `hostTsc` hold only where `flags` has their bit. */
export type ClockData = ValueOf<typeof kvmClockData>;
/** KVM_CLOCK_*. */
export const ClockFlag = { tscStable: 2, realtime: 4, hostTsc: 8 } as const;

export const kvmEnableCap = struct('kvm_enable_cap', { cap: u32, flags: u32, args: array(u64, 4), pad: padding(64) });

/** `struct kvm_ioregion` of RFC v3, in no released header. */
export const kvmIoregion = struct('kvm_ioregion', {
  guestPaddr: u64,
  memorySize: u64,
  userData: u64,
  readFd: s32,
  writeFd: s32,
  flags: u32,
  pad: padding(28),
});
/** KVM_IOREGION_* flags of RFC v3. */
export const IoregionFlag = { pio: 1, postedWrites: 2, deassign: 4 } as const;
