/** Devices suspended, saved as plain data and restored. See README.md. */
export { RemoteStateError, SavedStateError } from './errors.js';
export { decodeState, encodeState, MAX_STATE_BYTES } from './plain-data.js';
export { SavedFields } from './saved-fields.js';
export { type PortAccess, StateClient } from './state-client.js';
export { STATE_PORT_BYTES, StatePort } from './state-port.js';
export type { Suspendable } from './suspendable.js';
