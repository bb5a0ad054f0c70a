/** What can go wrong with the benchmark itself. */
import { IoregionError } from '../../src/native/errors.js';

/** A C program of bench/reference could not be built, failed, hung, or answered something else than its contract. */
export class ReferenceProgramError extends IoregionError {
  constructor(message: string, cause?: unknown) {
    super('ERR_IOREGION_BENCH_REFERENCE', message, { cause });
  }
}

/** The threads cannot be placed as asked for on this host. */
export class PlacementError extends IoregionError {
  constructor(message: string) {
    super('ERR_IOREGION_BENCH_PLACEMENT', message);
  }
}

/** The device did not count what was sent to it. */
export class LostAccessError extends IoregionError {
  constructor(what: string, counted: number, expected: number) {
    super('ERR_IOREGION_BENCH_LOST_ACCESS', `the device counted ${what}: ${counted}, not ${expected}`);
  }
}

/** The bench guest stopped for something else than the end of its batch. */
export class GuestExitError extends IoregionError {
  constructor(reason: string) {
    super('ERR_IOREGION_BENCH_GUEST_EXIT', `the bench guest stopped with ${reason}`);
  }
}

/** A KVM row was asked for without the guest it needs. */
export class GuestMissingError extends IoregionError {
  constructor() {
    super('ERR_IOREGION_BENCH_NO_GUEST', 'rows with KVM need the bench guest, which has not been built');
  }
}

/** The device process did not come up. */
export class DeviceProcessError extends IoregionError {
  constructor(reason: string) {
    super('ERR_IOREGION_BENCH_DEVICE_PROCESS', `the device process ${reason}`);
  }
}
