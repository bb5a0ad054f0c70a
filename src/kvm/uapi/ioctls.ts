/** The ioctls of /dev/kvm, VM and vCPU fds on x86-64, numbered from the sizes of their structures. */
import { io, ior, iow, iowr } from './ioctl-number.js';
import { kvmDebugregs, kvmFpu, kvmRegs, kvmSregs, kvmXcrs, LAPIC_STATE_BYTES, XSAVE_STATE_BYTES } from './registers.js';
import {
  kvmCpuid2,
  kvmGuestDebug,
  kvmInterrupt,
  kvmMpState,
  kvmMsrList,
  kvmMsrs,
  kvmTranslation,
  kvmVcpuEvents,
} from './vcpu-structs.js';
import {
  DIRTY_LOG_BYTES,
  kvmClockData,
  kvmCoalescedMmioZone,
  kvmEnableCap,
  kvmIoeventfd,
  kvmIoregion,
  kvmIrqchip,
  kvmIrqfd,
  kvmIrqLevel,
  kvmIrqRouting,
  kvmMsi,
  kvmPitConfig,
  kvmUserspaceMemoryRegion,
  PIT_STATE_BYTES,
} from './vm-structs.js';

const U64_BYTES = 8;

export const IOCTLS = {
  // /dev/kvm
  KVM_GET_API_VERSION: io(0x00),
  KVM_CREATE_VM: io(0x01),
  KVM_GET_MSR_INDEX_LIST: iowr(0x02, kvmMsrList.size),
  KVM_CHECK_EXTENSION: io(0x03),
  KVM_GET_VCPU_MMAP_SIZE: io(0x04),
  KVM_GET_SUPPORTED_CPUID: iowr(0x05, kvmCpuid2.size),
  KVM_GET_EMULATED_CPUID: iowr(0x09, kvmCpuid2.size),
  KVM_GET_MSR_FEATURE_INDEX_LIST: iowr(0x0a, kvmMsrList.size),

  // VM
  KVM_CREATE_VCPU: io(0x41),
  KVM_GET_DIRTY_LOG: iow(0x42, DIRTY_LOG_BYTES),
  KVM_SET_USER_MEMORY_REGION: iow(0x46, kvmUserspaceMemoryRegion.size),
  KVM_SET_TSS_ADDR: io(0x47),
  KVM_SET_IDENTITY_MAP_ADDR: iow(0x48, U64_BYTES),
  KVM_SET_IOREGION: iow(0x49, kvmIoregion.size),
  KVM_CREATE_IRQCHIP: io(0x60),
  KVM_IRQ_LINE: iow(0x61, kvmIrqLevel.size),
  KVM_GET_IRQCHIP: iowr(0x62, kvmIrqchip.size),
  KVM_SET_IRQCHIP: ior(0x63, kvmIrqchip.size),
  KVM_REGISTER_COALESCED_MMIO: iow(0x67, kvmCoalescedMmioZone.size),
  KVM_UNREGISTER_COALESCED_MMIO: iow(0x68, kvmCoalescedMmioZone.size),
  KVM_SET_GSI_ROUTING: iow(0x6a, kvmIrqRouting.size),
  KVM_IRQFD: iow(0x76, kvmIrqfd.size),
  KVM_CREATE_PIT2: iow(0x77, kvmPitConfig.size),
  KVM_SET_BOOT_CPU_ID: io(0x78),
  KVM_IOEVENTFD: iow(0x79, kvmIoeventfd.size),
  KVM_SET_CLOCK: iow(0x7b, kvmClockData.size),
  KVM_GET_CLOCK: ior(0x7c, kvmClockData.size),
  KVM_GET_PIT2: ior(0x9f, PIT_STATE_BYTES),
  KVM_SET_PIT2: iow(0xa0, PIT_STATE_BYTES),
  KVM_SIGNAL_MSI: iow(0xa5, kvmMsi.size),

  // VM or vCPU
  KVM_SET_TSC_KHZ: io(0xa2),
  KVM_GET_TSC_KHZ: io(0xa3),
  KVM_ENABLE_CAP: iow(0xa3, kvmEnableCap.size),
  KVM_GET_STATS_FD: io(0xce),

  // vCPU
  KVM_RUN: io(0x80),
  KVM_GET_REGS: ior(0x81, kvmRegs.size),
  KVM_SET_REGS: iow(0x82, kvmRegs.size),
  KVM_GET_SREGS: ior(0x83, kvmSregs.size),
  KVM_SET_SREGS: iow(0x84, kvmSregs.size),
  KVM_TRANSLATE: iowr(0x85, kvmTranslation.size),
  KVM_INTERRUPT: iow(0x86, kvmInterrupt.size),
  KVM_GET_MSRS: iowr(0x88, kvmMsrs.size),
  KVM_SET_MSRS: iow(0x89, kvmMsrs.size),
  KVM_GET_FPU: ior(0x8c, kvmFpu.size),
  KVM_SET_FPU: iow(0x8d, kvmFpu.size),
  KVM_GET_LAPIC: ior(0x8e, LAPIC_STATE_BYTES),
  KVM_SET_LAPIC: iow(0x8f, LAPIC_STATE_BYTES),
  KVM_SET_CPUID2: iow(0x90, kvmCpuid2.size),
  KVM_GET_CPUID2: iowr(0x91, kvmCpuid2.size),
  KVM_GET_MP_STATE: ior(0x98, kvmMpState.size),
  KVM_SET_MP_STATE: iow(0x99, kvmMpState.size),
  KVM_NMI: io(0x9a),
  KVM_SET_GUEST_DEBUG: iow(0x9b, kvmGuestDebug.size),
  KVM_GET_VCPU_EVENTS: ior(0x9f, kvmVcpuEvents.size),
  KVM_SET_VCPU_EVENTS: iow(0xa0, kvmVcpuEvents.size),
  KVM_GET_DEBUGREGS: ior(0xa1, kvmDebugregs.size),
  KVM_SET_DEBUGREGS: iow(0xa2, kvmDebugregs.size),
  KVM_GET_XSAVE: ior(0xa4, XSAVE_STATE_BYTES),
  KVM_SET_XSAVE: iow(0xa5, XSAVE_STATE_BYTES),
  KVM_GET_XCRS: ior(0xa6, kvmXcrs.size),
  KVM_SET_XCRS: iow(0xa7, kvmXcrs.size),
  KVM_KVMCLOCK_CTRL: io(0xad),
  KVM_SMI: io(0xb7),
} as const;

export type IoctlName = keyof typeof IOCTLS;
