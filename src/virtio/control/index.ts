/** How a transport drives a device: on its own thread, or on a Worker. */
export { ControlState } from './control-state.js';
export type { DeviceControl, DeviceDescription, QueueStart } from './device-control.js';
export { DeviceStateError, DeviceWorkerError } from './errors.js';
export { HandOverControl } from './hand-over-control.js';
export { LocalControl, type LocalControlOptions } from './local-control.js';
export { type DeviceLog, stderrLog } from './log.js';
export { type ServedControl, serveControl } from './serve-control.js';
export { SharedConfig } from './shared-config.js';
export { mapStarting, type Starting } from './starting.js';
export { type LaunchOptions, WorkerControl, type WorkerControlOptions } from './worker-control.js';
export type { StartReply } from './worker-messages.js';
