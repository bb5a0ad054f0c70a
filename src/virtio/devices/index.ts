/** The devices that come with the package. */
export * from './blk/index.js';
export * from './console/index.js';
export * from './net/index.js';
export * from './rng/index.js';
