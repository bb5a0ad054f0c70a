/** The features that this engine implements for every device. */
import { Feature } from '../spec/index.js';

/**
 * A transport may offer these whatever the device is. VIRTIO_F_IN_ORDER makes completions wait for earlier ones, so offer
 * it for devices that answer in order. VIRTIO_F_RING_RESET and the notification features need the transport's part too.
 */
export const RING_FEATURES: bigint =
  Feature.indirectDesc |
  Feature.eventIdx |
  Feature.ringPacked |
  Feature.inOrder |
  Feature.notificationData |
  Feature.ringReset;
