/** The console device. As a module for another thread or process, its default export makes one from plain data. */
import { ConsoleDevice } from './device.js';
import { type PlainConsoleOptions, withBackends } from './plain-options.js';

export type { ConsoleBackend, ConsoleListener } from './backend.js';
export { ControlEvent as ConsoleEvent } from './control-message.js';
export type { ConsoleCounters } from './counters.js';
export { ConsoleDevice } from './device.js';
export { ConsoleOptionError } from './errors.js';
export { ConsoleFeature } from './features.js';
export type { ConsoleDeviceOptions, ConsolePortOptions } from './options.js';
export type { PlainConsoleOptions, PlainPort } from './plain-options.js';
export { PtyBackend } from './pty-backend.js';
export type { SavedConsoleState } from './saved-state.js';
export { SocketBackend, type SocketBackendOptions } from './socket-backend.js';
export { StdioBackend } from './stdio-backend.js';
export { StreamBackend } from './stream-backend.js';

export default function createConsoleDevice(options: PlainConsoleOptions): ConsoleDevice {
  return withBackends(options, (full) => new ConsoleDevice(full));
}
