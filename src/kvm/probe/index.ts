/** What this host offers: see `ioregion probe`. */
export type { GuestSpeed } from './guest-speed.js';
export type { CapabilityAnswer, IoregionfdSupport } from './ioregionfd-support.js';
export { type ProbeOptions, probeHost } from './probe.js';
export { PROBED_CAPABILITIES, type ProbedCapability } from './probed-capabilities.js';
export type { DispatcherChoice, KvmMissing, KvmPresent, ProbeReport } from './report.js';
