/** The frontend: devices of our VMM that a backend in another process serves. */
export type { BackendOptions, VhostUserControlOptions } from './control-options.js';
export { DirtyLog } from './dirty-log.js';
export {
  BackendGoneError,
  BackendRefusedError,
  BackendTimeoutError,
  BackendUnsuitableError,
} from './errors.js';
export { FrontendSession, type FrontendSessionEvents, type FrontendSessionOptions } from './frontend-session.js';
export type { IotlbEntry, Translator } from './iotlb.js';
export { FRONTEND_PROTOCOL_FEATURES } from './negotiation.js';
export { VhostUserControl } from './vhost-user-control.js';
export {
  beginVhostUserFunction,
  createVhostUserFunction,
  type VhostUserFunctionOptions,
} from './vhost-user-function.js';
export { startVhostUserWorker } from './vhost-user-worker-control.js';

/** For `DeviceModule.module`: a device behind a backend as a function, with VhostUserFunctionOptions. */
export const VHOST_USER_FUNCTION_MODULE: string = new URL('./vhost-user-function.js', import.meta.url).href;
