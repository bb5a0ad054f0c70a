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
export { type IotlbEntry, identity, invalidateIotlb, type Translator, updateIotlb } from './iotlb.js';
export { VhostUserControl } from './vhost-user-control.js';
