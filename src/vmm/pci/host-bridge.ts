/** The host bridge as a function of its own bus: what operating systems look for to know that there is a bus. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { PciFunction } from './pci-function.js';

/** Of a generic PCI Express host bridge. */
const ID = 0x0008_1b36;
/** Class code host bridge, revision 0. */
const CLASS_REVISION = 0x0600_0000;
const Register = { id: 0x00, classRevision: 0x08 } as const;

class HostBridgeConfig implements RegisterDevice {
  read(offset: number): number {
    const register = offset & ~3;
    const word = register === Register.id ? ID : register === Register.classRevision ? CLASS_REVISION : 0;
    return word >>> (8 * (offset & 3));
  }

  write(): void {}
}

export function hostBridge(): PciFunction {
  return { config: new HostBridgeConfig(), regions: [] };
}
