import { IoregionError } from '../../native/index.js';

/** No PCI device of that kind exists for the device type (`ERR_IOREGION_PCI_DEVICE_TYPE`). */
export class DeviceTypeError extends IoregionError {
  constructor(deviceType: number, transitional: boolean) {
    const kind = transitional ? 'transitional PCI device; make it a modern one' : 'PCI device: types are 1 to 63';
    super('ERR_IOREGION_PCI_DEVICE_TYPE', `device type ${deviceType} has no ${kind}`);
  }
}

/** A PCI function that cannot be (`ERR_IOREGION_PCI_FUNCTION`): more vectors, queues or configuration than PCI has room for. */
export class PciFunctionError extends IoregionError {
  constructor(problem: string) {
    super('ERR_IOREGION_PCI_FUNCTION', problem);
  }
}

/** A function was described with an open file that did not come along (`ERR_IOREGION_UNKNOWN_FD`). */
export class UnknownFdError extends IoregionError {
  constructor(name: string) {
    super(
      'ERR_IOREGION_UNKNOWN_FD',
      `no open file "${name}" came along: pass it in the fds of the thread or the offer`,
    );
  }
}
