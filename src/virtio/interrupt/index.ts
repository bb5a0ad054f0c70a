/** Interrupts of a function: MSI-X with masks and pending bits, the pin with ISR status, and where they go. */
export { GsiRangeError } from './errors.js';
export { EventfdSink, type InterruptWiring } from './eventfd-sink.js';
export { GsiRoutes, type GsiRoutesOptions, IRQCHIP_ROUTES, type SharedGsiRoutes } from './gsi-routes.js';
export { type GsiPin, GsiWiring } from './gsi-wiring.js';
export { InterruptController, type VectorField } from './interrupt-controller.js';
export type { InterruptSink, PinDescription, SinkDescription } from './interrupt-sink.js';
export { InterruptSource, type SharedInterrupts } from './interrupt-source.js';
export { InterruptState } from './interrupt-state.js';
export { IrqfdVectors } from './irqfd-vectors.js';
export { KvmSink, type KvmSinkOptions, type VmInterrupts } from './kvm-sink.js';
export { openInterrupts } from './open-interrupts.js';
