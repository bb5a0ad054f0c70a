import { IoregionError } from '../../native/index.js';

/** The routing table has no room for a device's vectors (`ERR_IOREGION_GSI_RANGE`). */
export class GsiRangeError extends IoregionError {
  constructor(wanted: number, left: number) {
    super('ERR_IOREGION_GSI_RANGE', `${wanted} GSIs wanted, ${left} left: make GsiRoutes with a larger count`);
  }
}
