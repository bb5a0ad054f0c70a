/** What a device in another process asks of the VM: MSI routes, INTA#, ioeventfds. */
export { VmLinkError } from './errors.js';
export { VmLink } from './vm-link.js';
export { type VmLinkRights, VmLinkServer } from './vm-link-server.js';
