export type { Dispatcher, DispatcherKind, Region, RegionRoute } from './dispatcher.js';
export * from './errors.js';
export { type FailedAccess, type FailureReason, RegionFailure } from './failure.js';
export { type AddressRange, type IoregionVm, KernelDispatcher, splitAround } from './kernel-dispatcher.js';
export { kickLoopbackCaller, LoopbackCaller, LoopbackDispatcher, openLoopbackCaller } from './loopback.js';
export { type FailureDecision, NativeDispatcher } from './native-dispatcher.js';
export {
  DEFAULT_DEADLINE_MS,
  type FailurePolicy,
  type FdLike,
  type RegionFds,
  RegionFlag,
  type RegionOptions,
  type RegionStats,
} from './region.js';
