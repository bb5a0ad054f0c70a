/** Dirty logging. */
export { DirtyLog } from './dirty-log.js';
export { logObserver, ObserverPair } from './log-observer.js';
