/** Failures of the benchmark of vhost-user disks. */
import { IoregionError } from '../../src/native/index.js';

export class ServerNotReadyError extends IoregionError {
  constructor(name: string, log: string) {
    super('ERR_IOREGION_BENCH_SERVER', `the server "${name}" has not opened its socket; it says: ${log.trim()}`);
  }
}
