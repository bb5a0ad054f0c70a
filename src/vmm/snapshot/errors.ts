/** Why a snapshot was not made, or is not restored. */
import { IoregionError } from '../../native/index.js';

/** A file of the snapshot cannot be written or read (`ERR_IOREGION_SNAPSHOT_FILE`). */
export class SnapshotFileError extends IoregionError {
  constructor(path: string, problem: string, cause?: unknown) {
    super('ERR_IOREGION_SNAPSHOT_FILE', `the snapshot ${path}: ${problem}`, { cause });
  }
}

/** What is in the files is no snapshot, a damaged one, or one of another version (`ERR_IOREGION_SNAPSHOT_FORMAT`). */
export class SnapshotFormatError extends IoregionError {
  constructor(problem: string, cause?: unknown) {
    super('ERR_IOREGION_SNAPSHOT_FORMAT', `this is no snapshot that can be restored: ${problem}`, { cause });
  }
}

/** The snapshot is one of another machine than the description is of (`ERR_IOREGION_SNAPSHOT_MACHINE`). */
export class SnapshotMachineError extends IoregionError {
  constructor(problem: string) {
    super('ERR_IOREGION_SNAPSHOT_MACHINE', `the snapshot is of another machine: ${problem}`);
  }
}
