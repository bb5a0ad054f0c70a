export { type AcceptedOffer, connectDevice, type OfferedRegion } from './connect-device.js';
export {
  type DeviceConnection,
  DevicePort,
  DevicePortClosedError,
  type OwnedChannel,
  type RegionOffer,
} from './device-port.js';
export { ControlProtocolError } from './offer.js';
export { deviceProcessEnvironment } from './process-environment.js';
