/** Why `ioregion bench` ends without a result. */
import { IoregionError } from '../native/index.js';

/** None of the rows asked for can run on this host. */
export class NothingToMeasureError extends IoregionError {
  constructor(reason: string) {
    super('ERR_IOREGION_BENCH_NOTHING', `none of these rows can run here, they need KVM: ${reason}`);
  }
}

/** Ctrl-C. */
export class BenchInterruptedError extends IoregionError {
  constructor() {
    super('ERR_IOREGION_BENCH_INTERRUPTED', 'interrupted: nothing was written');
  }
}

/** A file that was asked for cannot be written. */
export class OutputFileError extends IoregionError {
  constructor(file: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('ERR_IOREGION_BENCH_OUTPUT', `cannot write ${file}: ${reason}`, { cause });
  }
}
