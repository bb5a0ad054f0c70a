/** The KVM layer: /dev/kvm, virtual machines and vCPU state as typed objects. See README.md. */
export type { Space, Word64 } from './address.js';
export { CoalescedRing, type CoalescedWrite } from './coalesced-ring.js';
export type { CoalescedZone, CoalescedZones } from './coalesced-zones.js';
export { describeExit } from './describe-exit.js';
export {
  KvmCoalescedRingError,
  KvmFieldRangeError,
  KvmIoctlError,
  KvmMsrError,
  KvmSavedStateError,
  KvmSlotError,
  KvmUnavailableError,
  KvmVersionError,
  ProbeGuestError,
} from './errors.js';
export { decodeExit, type KvmExit, type RawExit } from './exit.js';
export type { GsiRoute, Interrupts, Irqfd, MsiMessage, MsiRoute, PinRoute } from './interrupts.js';
export type { IoExit } from './io-exit.js';
export type { Descriptor } from './ioctl.js';
export type { Ioeventfd, IoeventfdSpace, Ioeventfds } from './ioeventfds.js';
export type { KernelIoregion } from './ioregion-ioctl.js';
export { Kvm } from './kvm.js';
export { dirtyPages, type MemorySlot, type MemorySlots, type SlotMemory, type SlotOptions } from './memory-slots.js';
export type { MmioExit } from './mmio-exit.js';
export * from './probe/index.js';
export { RunPage } from './run-page.js';
export { checkSavedVcpu, restoreVcpu, SAVED_VCPU_PARTS, type SavedVcpu, saveVcpu } from './saved-vcpu.js';
export { KvmStats } from './stats.js';
export { CAPABILITIES, type CapabilityName, capabilityName } from './uapi/capabilities.js';
export { EXIT_REASONS, type ExitReasonName, exitReasonName } from './uapi/exit-reasons.js';
export { IOCTLS, type IoctlName } from './uapi/ioctls.js';
export type { DebugRegs, DescriptorTable, Fpu, Regs, Segment, Sregs, Xcrs } from './uapi/registers.js';
export type { CpuidEntry, MsrEntry, Translation, VcpuEvents } from './uapi/vcpu-structs.js';
export { GuestDebugFlag, MpState, VcpuEventFlag } from './uapi/vcpu-structs.js';
export { type ClockData, ClockFlag, IRQCHIP_STATE_BYTES, PIT_STATE_BYTES } from './uapi/vm-structs.js';
export { VcpuClosedError, VcpuRunningError, VcpuStartError } from './vcpu/errors.js';
export type { ExitHandler, ExitHandlerModule } from './vcpu/exit-handler.js';
export { type RunOptions, Vcpu, type VcpuDispatcher, type VcpuExit, type VcpuOptions } from './vcpu/vcpu.js';
export { type CoreExit, VcpuCore } from './vcpu/vcpu-core.js';
export { VcpuThread } from './vcpu/vcpu-thread.js';
export { VcpuState } from './vcpu-state.js';
export type { Vm } from './vm.js';
export * from './x86/index.js';
