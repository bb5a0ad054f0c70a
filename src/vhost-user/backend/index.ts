/** Serves virtio devices to vhost-user frontends. */
export { BACKEND_RING_FEATURES } from './offer.js';
export { BackendServer, type BackendServerOptions } from './server.js';
export { Session, type SessionCounters, type SessionOptions } from './session.js';
