/** Constants of the vhost-user specification (QEMU's docs/interop/vhost-user.rst); no logic but names. */
export * from './constants.js';
export * from './protocol-features.js';
export * from './requests.js';
