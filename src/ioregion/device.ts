/**
 * What a device module needs, and no more: a Worker that serves a device loads this in a few milliseconds, where the
 * whole layer (`ioregion/ioregion`) takes tens.
 */
export * from './register-block/index.js';
export type { AsyncRegisterDevice, RegisterDevice } from './register-device.js';
export type { DeviceContext, DeviceFactory } from './server/device-module.js';
