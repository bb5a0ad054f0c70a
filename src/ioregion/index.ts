/** The public face of the ioregion layer: dispatchers, region servers, register devices and the wire protocol. */
export * from './access.js';
export * from './access-value.js';
export * from './control/index.js';
export * from './dispatcher/index.js';
export * from './inline/index.js';
export * from './register-block/index.js';
export type { AsyncRegisterDevice, RegisterDevice } from './register-device.js';
export * from './server/index.js';
export * from './wire/index.js';
