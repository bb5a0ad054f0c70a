/** What the protocol does not say about a device, by its type. */
import { DeviceType } from '../../virtio/index.js';

export interface DeviceProfile {
  /** Sizes of configuration space in bytes, the newest first: an older backend has only a shorter one. */
  readonly configSizes: readonly number[];
  /** Queues to use where nothing else is asked for. */
  readonly queues: number;
  /** What was in flight when the backend died may be lost, as its driver expects of the medium. */
  readonly lossy: boolean;
  /** Fields that the frontend decides. */
  adjust?(config: Uint8Array, queues: number): void;
}

/** struct virtio_blk_config up to zones, secure erase, write zeroes, the geometry (virtio 5.2.4). */
const BLOCK_CONFIG_SIZES = [96, 72, 60, 36];
const BLOCK_NUM_QUEUES_AT = 34;
const PLAIN: DeviceProfile = { configSizes: [], queues: 1, lossy: false };

const PROFILES: Readonly<Record<number, DeviceProfile>> = {
  [DeviceType.network]: { configSizes: [24, 12, 10, 8, 6], queues: 2, lossy: true },
  [DeviceType.block]: { configSizes: BLOCK_CONFIG_SIZES, queues: 1, lossy: false, adjust: adjustBlock },
  [DeviceType.console]: { configSizes: [12], queues: 2, lossy: false },
  [DeviceType.entropy]: PLAIN,
  [DeviceType.scsiHost]: { configSizes: [36], queues: 3, lossy: false },
  [DeviceType.input]: { configSizes: [136], queues: 2, lossy: false },
  [DeviceType.fileSystem]: { configSizes: [44, 40], queues: 2, lossy: false },
  [DeviceType.socket]: { configSizes: [8], queues: 3, lossy: false },
};

export function profileOf(deviceType: number): DeviceProfile {
  return PROFILES[deviceType] ?? PLAIN;
}

/** `num_queues` of a backend that has more than are used here. */
function adjustBlock(config: Uint8Array, queues: number): void {
  const view = new DataView(config.buffer, config.byteOffset, config.length);
  const offered = view.getUint16(BLOCK_NUM_QUEUES_AT, true);
  if (offered > queues) view.setUint16(BLOCK_NUM_QUEUES_AT, queues, true);
}
