/** What this backend offers. */
import type { DeviceDescription } from '../../virtio/control/index.js';
import { DeviceType, Feature } from '../../virtio/spec/index.js';
import { ProtocolFeature, VhostFeature } from '../spec/index.js';

/** Features of the queues that make sense here: kicks carry no data. */
export const BACKEND_RING_FEATURES: bigint = Feature.indirectDesc | Feature.eventIdx | Feature.ringReset;

export function offeredFeatures({ features }: DeviceDescription): bigint {
  return features | Feature.version1 | VhostFeature.protocolFeatures | VhostFeature.logAll;
}

export function offeredProtocolFeatures({ deviceType }: DeviceDescription): bigint {
  const net = deviceType === DeviceType.network ? ProtocolFeature.netMtu : 0n;
  return (
    net |
    ProtocolFeature.mq |
    ProtocolFeature.logShmfd |
    ProtocolFeature.deviceState |
    ProtocolFeature.replyAck |
    ProtocolFeature.backendReq |
    ProtocolFeature.backendSendFd |
    ProtocolFeature.config |
    ProtocolFeature.inflightShmfd |
    ProtocolFeature.resetDevice |
    ProtocolFeature.inbandNotifications |
    ProtocolFeature.configureMemSlots |
    ProtocolFeature.status
  );
}
