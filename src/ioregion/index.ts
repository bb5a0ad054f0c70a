/** The public face of the ioregion layer. */
export { readAny, readAnyAsync, writeAny, writeAnyAsync } from './access.js';
export { AccessValue } from './access-value.js';
export * from './register-block/index.js';
export type { AsyncRegisterDevice, RegisterDevice } from './register-device.js';
export * from './wire/index.js';
