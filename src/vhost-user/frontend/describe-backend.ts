/** What a driver is offered of a backend. */
import { DEVICE_FEATURE_MASK, type DeviceDescription, Feature } from '../../virtio/index.js';
import { ProtocolFeature, VhostFeature } from '../spec/index.js';
import { type BackendOptions, DEFAULT_QUEUE_SIZE } from './control-options.js';
import { readLongestConfig } from './device-config.js';
import { profileOf } from './device-profile.js';
import { BackendUnsuitableError } from './errors.js';
import type { FrontendSession } from './frontend-session.js';

export interface BackendFacts {
  readonly description: DeviceDescription;
  /** Configuration space. */
  readonly config: Uint8Array;
}

/**
 * Features that concern the rings and need nothing of this frontend. Notification data does not get through an eventfd.
 */
const PASSED_FEATURES =
  DEVICE_FEATURE_MASK |
  Feature.indirectDesc |
  Feature.eventIdx |
  Feature.version1 |
  Feature.ringPacked |
  Feature.inOrder |
  Feature.orderPlatform |
  Feature.ringReset;

/** Asks a backend that has been connected for the first time. @throws BackendUnsuitableError, BackendRefusedError */
export async function describeBackend(session: FrontendSession, options: BackendOptions): Promise<BackendFacts> {
  const { deviceType, queueSize = DEFAULT_QUEUE_SIZE } = options;
  const wanted = options.queues ?? Math.min(profileOf(deviceType).queues, session.queues);
  if (wanted > session.queues)
    throw new BackendUnsuitableError(`it has ${session.queues} queue(s), ${wanted} are asked for`);
  const queueSizes = Array.from({ length: wanted }, () => queueSize);
  const config = await firstConfig(session, options, wanted);
  return { description: { deviceType, features: featuresOf(session, options), queueSizes }, config };
}

function featuresOf({ offered }: FrontendSession, options: BackendOptions): bigint {
  const { accessPlatform = false, withheldFeatures = 0n, addedFeatures = 0n } = options;
  const passed = PASSED_FEATURES | (accessPlatform ? Feature.accessPlatform : 0n);
  return (offered & passed & ~withheldFeatures & ~VhostFeature.logAll) | addedFeatures;
}

async function firstConfig(session: FrontendSession, options: BackendOptions, queues: number): Promise<Uint8Array> {
  const { configSizes, adjust } = profileOf(options.deviceType);
  const sizes = options.configBytes === undefined ? configSizes : [options.configBytes];
  if (options.config !== undefined) return options.config;
  if (sizes.length === 0 || !session.has(ProtocolFeature.config)) return new Uint8Array(0);
  const config = await readLongestConfig(session.channel, sizes);
  adjust?.(config, queues);
  return config;
}
