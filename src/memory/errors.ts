/** The failures of guest memory, one class each. */
import { IoregionError } from '../native/index.js';

const hex = (address: number | bigint) => `0x${address.toString(16)}`;

export type GuestAddressReason =
  /** Nothing is there, or the range runs past the end. */
  | 'unmapped'
  /** The range begins in one region and ends in the next: use `slices`. */
  | 'straddles'
  /** A write to a region the guest can only read. */
  | 'readonly'
  /** Not an unsigned integer. */
  | 'invalid';

const EXPLANATIONS: Readonly<Record<GuestAddressReason, string>> = {
  unmapped: 'is not wholly guest memory',
  straddles: 'lies in more than one region',
  readonly: 'is read-only',
  invalid: 'is not an address and a length',
};

/** A guest-physical range is not what the access needs (`ERR_IOREGION_GUEST_ADDRESS`). */
export class GuestAddressError extends IoregionError {
  constructor(
    readonly reason: GuestAddressReason,
    readonly gpa: number | bigint,
    /** In bytes. */
    readonly length: number,
  ) {
    super('ERR_IOREGION_GUEST_ADDRESS', `gpa ${hex(gpa)}, ${length} byte(s): the range ${EXPLANATIONS[reason]}`);
  }
}

/** Regions that overlap, are empty, or do not begin and end at a page (`ERR_IOREGION_MEMORY_LAYOUT`). */
export class MemoryLayoutError extends IoregionError {
  constructor(message: string) {
    super('ERR_IOREGION_MEMORY_LAYOUT', message);
  }
}

/** Memory was used after its close (`ERR_IOREGION_MEMORY_CLOSED`). */
export class MemoryClosedError extends IoregionError {
  constructor() {
    super('ERR_IOREGION_MEMORY_CLOSED', 'the guest memory is closed');
  }
}

/** Memory that cannot be shared, or a shared one that cannot be trusted (`ERR_IOREGION_SHARED_MEMORY`). */
export class SharedMemoryError extends IoregionError {
  constructor(message: string) {
    super('ERR_IOREGION_SHARED_MEMORY', message);
  }
}
