/** Chains in flight that outlive a backend: GET_INFLIGHT_FD, SET_INFLIGHT_FD. */
import { closeAll } from '../../../native/index.js';
import type { ReceivedMessage } from '../../connection/index.js';
import { VhostUserProtocolError } from '../../errors.js';
import { decodeInflight, encodeInflight } from '../../message/index.js';
import { FrontendRequest, ProtocolFeature } from '../../spec/index.js';
import { InflightArea } from '../inflight/index.js';
import type { Session } from '../session.js';
import type { Reply, Requests } from './request.js';

export const inflightRequests: Requests = [
  [
    FrontendRequest.getInflightFd,
    { needs: ProtocolFeature.inflightShmfd, handle: (session, { payload }) => getArea(session, payload) },
  ],
  [FrontendRequest.setInflightFd, { needs: ProtocolFeature.inflightShmfd, maxFds: 1, handle: setArea }],
];

function getArea({ rings }: Session, payload: Uint8Array): Reply {
  const { queues, queueSize } = decodeInflight(payload);
  const { file, message } = InflightArea.create(queues, queueSize, rings.packed);
  return { payload: encodeInflight(message), fds: [file] };
}

async function setArea({ rings, shrunk }: Session, message: ReceivedMessage): Promise<void> {
  const description = decodeInflight(message.payload);
  const fds = message.takeFds();
  try {
    const [file] = fds;
    if (file === undefined) throw new VhostUserProtocolError('no descriptor of the inflight area');
    await rings.setInflight(InflightArea.open(description, file, rings.packed, shrunk));
  } finally {
    closeAll(fds);
  }
}
