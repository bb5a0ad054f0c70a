/** Features: GET_FEATURES, SET_FEATURES, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM. */
import { decodeU64, encodeU64 } from '../../message/index.js';
import { FrontendRequest, ProtocolFeature } from '../../spec/index.js';
import type { Requests } from './request.js';

export const featureRequests: Requests = [
  [FrontendRequest.getFeatures, { handle: (session) => ({ payload: encodeU64(session.offered) }) }],
  [FrontendRequest.setFeatures, { handle: (session, { payload }) => session.acceptFeatures(decodeU64(payload)) }],
  [
    FrontendRequest.getProtocolFeatures,
    { handle: (session) => ({ payload: encodeU64(session.offeredProtocolFeatures) }) },
  ],
  [
    FrontendRequest.setProtocolFeatures,
    { handle: (session, { payload }) => session.acceptProtocolFeatures(decodeU64(payload)) },
  ],
  [
    FrontendRequest.getQueueNum,
    { needs: ProtocolFeature.mq, handle: ({ rings }) => ({ payload: encodeU64(rings.all.length) }) },
  ],
];
