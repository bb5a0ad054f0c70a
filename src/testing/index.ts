/** The test kit: drivers that build right rings and any wrong one, over every way to reach a device. */
export { BufferArena } from './driver/buffer-arena.js';
export { CallSink } from './driver/call-sink.js';
export { ControlTransport } from './driver/control-transport.js';
export { DeviceTransport } from './driver/device-transport.js';
export type { DriverEvents, DriverTransport } from './driver/driver-transport.js';
export { MockDriver, type MockDriverOptions } from './driver/mock-driver.js';
export {
  type AddOptions,
  MockQueue,
  type MockQueueOptions,
  type Segment,
  type Sent,
  type Used,
} from './driver/mock-queue.js';
export { PciDriver, type Registers } from './driver/pci-driver.js';
export { PciTransport } from './driver/pci-transport.js';
export { GuardedMemory } from './memory/guarded-memory.js';
export { hookMemory } from './memory/hook-memory.js';
export type { MemoryHook } from './memory/memory-hook.js';
export * from './mock-backend/index.js';
export * from './mock-frontend/index.js';
export { createRing } from './ring/create-ring.js';
export { type DescriptorFields, DescriptorTable } from './ring/descriptor-table.js';
export type { DriverRing, RingBuffer, UsedChain } from './ring/driver-ring.js';
export { type PackedEvent, PackedFields } from './ring/packed-fields.js';
export { PackedRing } from './ring/packed-ring.js';
export type { RingOptions } from './ring/ring-options.js';
export { placeRing, type RingFormat, type RingPlace } from './ring/ring-place.js';
export { SplitFields } from './ring/split-fields.js';
export { SplitRing } from './ring/split-ring.js';
export { writeTable } from './ring/write-table.js';
