/** The codec: a header, and one file per kind of payload. All decoders check lengths and throw VhostUserProtocolError. */
export * from './config.js';
export * from './device-state.js';
export * from './header.js';
export * from './inflight.js';
export * from './iotlb.js';
export * from './log.js';
export * from './memory-region.js';
export * from './memory-table.js';
export * from './u64.js';
export * from './vring-address.js';
export * from './vring-fd.js';
export * from './vring-state.js';
