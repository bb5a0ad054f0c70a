/** The network device. As a module for another thread or process, its default export makes one on a TAP device. */
import { NetworkDevice } from './device.js';
import type { TapDeviceOptions } from './options.js';

export {
  type BackendSettings as NetBackendSettings,
  type NetBackend,
  type NetPort,
  type PortListener as NetPortListener,
  SendOutcome,
} from './backend.js';
export {
  CommandClass as NetCommandClass,
  MacCommand as NetMacCommand,
  VlanCommand as NetVlanCommand,
} from './commands.js';
export { Ack as NetAck } from './control-queue.js';
export type { NetCounters } from './counters.js';
export { NetworkDevice } from './device.js';
export { NetOptionError } from './errors.js';
export { GUEST_OFFLOADS, HOST_OFFLOADS, NetFeature } from './features.js';
export type { NetworkDeviceOptions, TapDeviceOptions } from './options.js';
export type { OutgoingPacket } from './outgoing-packet.js';
export { Gso, MAX_PACKET_BYTES, PacketFlag, PacketHeader } from './packet.js';
export { PairBackend, type PairOptions } from './pair-backend.js';
export type { ReceiveBuffers } from './receive-buffers.js';
export { ReceiveMode } from './receive-filter.js';
export type { SavedNetState } from './saved-state.js';
export { TapBackend, type TapBackendOptions } from './tap-backend.js';

export default function createNetworkDevice(options: TapDeviceOptions): NetworkDevice {
  return NetworkDevice.open(options);
}
