/** All layers by name. An import of one layer (`ioregion/kvm`, say) loads less. */
export * as ioregion from './ioregion/index.js';
export * as kvm from './kvm/index.js';
export * as memory from './memory/index.js';
export * as native from './native/index.js';
