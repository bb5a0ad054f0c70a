/** vhost-user: devices for other VMMs, and devices of others for ours. */
export * from './backend/index.js';
export * from './connection/index.js';
export * from './errors.js';
export * from './frontend/index.js';
export * from './message/index.js';
export * from './spec/index.js';
