/** Translations: IOTLB_MSG. */
import { Feature } from '../../../virtio/spec/index.js';
import type { ReceivedMessage } from '../../connection/index.js';
import { VhostUserRequestError } from '../../errors.js';
import { decodeIotlb } from '../../message/index.js';
import { FrontendRequest, IotlbType } from '../../spec/index.js';
import type { Session } from '../session.js';
import type { Requests } from './request.js';

export const iotlbRequests: Requests = [[FrontendRequest.iotlbMsg, { handle }]];

async function handle({ rings }: Session, { payload }: ReceivedMessage): Promise<void> {
  const message = decodeIotlb(payload);
  if ((rings.features & Feature.accessPlatform) === 0n)
    throw new VhostUserRequestError('VIRTIO_F_ACCESS_PLATFORM has not been negotiated');
  if (message.type === IotlbType.update) await rings.changeTranslations((iotlb) => iotlb.update(message), message);
  else if (message.type === IotlbType.invalidate)
    await rings.changeTranslations((iotlb) => iotlb.invalidate(message), message);
  else throw new VhostUserRequestError(`an IOTLB message of type ${message.type}`);
}
