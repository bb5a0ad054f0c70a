import { type Descriptor, ioctl } from './ioctl.js';
import { CAPABILITIES, type CapabilityName } from './uapi/capabilities.js';

/** KVM_CHECK_EXTENSION on /dev/kvm or on a VM; a number is asked for as it is. */
export function checkExtension(fd: Descriptor, capability: CapabilityName | number): number {
  return ioctl(fd, 'KVM_CHECK_EXTENSION', typeof capability === 'number' ? capability : CAPABILITIES[capability]);
}
