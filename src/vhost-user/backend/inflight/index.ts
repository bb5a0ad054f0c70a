/** Inflight I/O tracking. */
export { InflightArea } from './inflight-area.js';
export { PackedTracker } from './packed-tracker.js';
export { SplitTracker } from './split-tracker.js';
