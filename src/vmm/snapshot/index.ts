/** A machine saved to a directory, and restored from one that may come from anybody. See docs/snapshot.md. */
export { OpenSnapshot, type SnapshotSize, writeSnapshot } from './directory.js';
export { SnapshotFileError, SnapshotFormatError, SnapshotMachineError } from './errors.js';
export { type MachineParts, restoreMachine, saveMachine } from './machine-state.js';
export { deviceShape, type MachineShape } from './manifest.js';
export { placeDevices } from './place-devices.js';
export { RemoteTargets } from './remote-targets.js';
export { BoardOnVcpu } from './state-question.js';
export { BOARD, type StateTarget } from './state-target.js';
