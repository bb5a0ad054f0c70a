/** Runs a device's queues on a thread. */

export { DeviceRunner, type RunnerEvents, type RunnerOptions, type RunnerQueue } from './device-runner.js';
export { all, andThen, guarded, isPromise, type MaybePromise } from './maybe-promise.js';
export { type QueueFigure, QueueFigures } from './queue-figures.js';
