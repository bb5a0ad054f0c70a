/** Register blocks as data tables: the table makes the device, its documentation and its tests. */
export { RegisterBlock } from './block.js';
export { unmetSteps } from './conformance.js';
export type { RegisterBlockDevice } from './device.js';
export { RegisterNameError, RegisterStateError, RegisterTableError, type TableRule } from './errors.js';
export { blockExpectations, type Expectation, type Step } from './expectations.js';
export type { Handlers, ReadHandler, WriteHandler } from './handlers.js';
export { toMarkdown } from './markdown.js';
export type { RefusedAccesses } from './refused.js';
export type { Register, WideRegister } from './register.js';
export type { RegisterState } from './state.js';
export type { BitField, RegisterAccess, RegisterName, RegisterSpec, RegisterTable, RegisterWidth } from './table.js';
