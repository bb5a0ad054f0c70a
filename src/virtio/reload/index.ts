/** Devices whose code can be replaced while a driver uses them. */
export { ReloadError } from './errors.js';
export { ReloadableDevice } from './reloadable-device.js';
