/** How a transport drives a device: on its own thread, or on a Worker. */
export { ControlState } from './control-state.js';
export type { DeviceControl, DeviceDescription, QueueStart } from './device-control.js';
export { SharedConfig } from './shared-config.js';
