/** Host notifiers: the ioeventfds of virtqueues and the state machine that owns them. */
export type { Doorbell, IoeventfdBinder } from './doorbell.js';
export { HandOverError, HostNotifierStateError, NotifierStateError } from './errors.js';
export { HostNotifier, type HostNotifierOptions, type NotifierOwner, type NotifierState } from './host-notifier.js';
export { HostNotifiers, type HostNotifiersOptions } from './host-notifiers.js';
export { type IoeventfdLimit, probeIoeventfdLimit } from './ioeventfd-limit.js';
export type { HostNotifiersState } from './saved-state.js';
