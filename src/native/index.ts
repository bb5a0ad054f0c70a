/** The public face of the native layer: system calls as objects, and the raw binding for the layers above. */
export * from './binding.js';
export * from './disposables.js';
export * from './errors.js';
export * from './eventfd.js';
export * from './failure-record.js';
export * from './fd.js';
export * from './fd-passing.js';
export * from './fd-watch.js';
export * from './mapping.js';
export * from './memfd.js';
export * from './poll.js';
export * from './system-error.js';
export * from './thread.js';
export * from './timerfd.js';
export * from './unix-listener.js';
export * from './unix-socket.js';
