/** A device with whose service something else ends. */
import type { RegisterDevice } from '../../ioregion/device.js';

export function closing(device: RegisterDevice, ended: { close(): Promise<void> }): RegisterDevice {
  return {
    read: (offset, size) => device.read(offset, size),
    write: (offset, size, value) => device.write(offset, size, value),
    close: () => ended.close(),
  };
}
