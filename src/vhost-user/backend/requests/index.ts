/** All requests that are carried out, by number. */
import { channelRequests } from './channel.js';
import { configRequests } from './config.js';
import { deviceRequests } from './device.js';
import { stateRequests } from './device-state.js';
import { featureRequests } from './features.js';
import { inflightRequests } from './inflight.js';
import { iotlbRequests } from './iotlb.js';
import { logRequests } from './log.js';
import { memoryRequests } from './memory.js';
import type { Request } from './request.js';
import { vringRequests } from './vring.js';
import { vringFdRequests } from './vring-fds.js';

export type { Reply, Request, RequestResult } from './request.js';

export const REQUESTS: ReadonlyMap<number, Request> = new Map([
  ...featureRequests,
  ...deviceRequests,
  ...memoryRequests,
  ...vringRequests,
  ...vringFdRequests,
  ...configRequests,
  ...channelRequests,
  ...inflightRequests,
  ...iotlbRequests,
  ...logRequests,
  ...stateRequests,
]);
