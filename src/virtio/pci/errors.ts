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
