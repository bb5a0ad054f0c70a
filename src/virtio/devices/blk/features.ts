/** Feature bits of the block device (virtio 5.2.3), and what they make of a write. */
import { Feature } from '../../spec/index.js';

const bit = (number: number): bigint => 1n << BigInt(number);

/**
 * Not offered, ever: SCSI (7, commands of the guest would reach the host's disk), and what this device has no use for:
 * BARRIER, GEOMETRY, LIFETIME, SECURE_ERASE, ZONED.
 */
export const BlockFeature = {
  /** No segment is longer than `size_max`. */
  sizeMax: bit(1),
  /** No request has more segments than `seg_max`. */
  segMax: bit(2),
  /** The disk can only be read. */
  ro: bit(5),
  /** `blk_size` is there. */
  blkSize: bit(6),
  /** Flush requests. */
  flush: bit(9),
  /** `topology` is there. */
  topology: bit(10),
  /** The driver chooses between writeback and writethrough by `writeback`. */
  configWce: bit(11),
  /** Several queues: `num_queues`. */
  mq: bit(12),
  discard: bit(13),
  writeZeroes: bit(14),
} as const;

export interface FeatureChoice {
  readonly readonly: boolean;
  readonly discard: boolean;
  readonly queues: number;
  readonly sizeMax: number | undefined;
}

export function offeredFeatures({ readonly, discard, queues, sizeMax }: FeatureChoice): bigint {
  const { segMax, blkSize, flush, topology, configWce } = BlockFeature;
  let features = segMax | blkSize | flush | topology | configWce;
  if (readonly) features |= BlockFeature.ro;
  else features |= BlockFeature.writeZeroes | (discard ? BlockFeature.discard : 0n);
  if (queues > 1) features |= BlockFeature.mq;
  if (sizeMax !== undefined) features |= BlockFeature.sizeMax;
  return features;
}

/** What the features the driver accepted decide, once per activation. */
export interface Negotiated {
  readonly discard: boolean;
  readonly writeZeroes: boolean;
  /** The driver may change `writeback`. */
  readonly configWce: boolean;
  /**
   * The driver neither flushes nor chooses: every write is on stable storage before it completes (5.2.6.2, case 1).
   */
  readonly writethrough: boolean;
  /** The driver chooses but cannot flush: `writeback` begins as 0 (5.2.5.2). Legacy drivers keep what they wrote. */
  readonly startsWritethrough: boolean;
}

export function negotiate(accepted: bigint): Negotiated {
  const has = (feature: bigint) => (accepted & feature) !== 0n;
  const configWce = has(BlockFeature.configWce);
  const flush = has(BlockFeature.flush);
  return {
    discard: has(BlockFeature.discard),
    writeZeroes: has(BlockFeature.writeZeroes),
    configWce,
    writethrough: !configWce && !flush,
    startsWritethrough: configWce && !flush && has(Feature.version1),
  };
}
