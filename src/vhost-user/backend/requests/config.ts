/** Configuration space: GET_CONFIG, SET_CONFIG. */
import type { SharedConfig } from '../../../virtio/control/index.js';
import { VhostUserRequestError } from '../../errors.js';
import { decodeConfig, encodeConfig } from '../../message/index.js';
import { FrontendRequest, ProtocolFeature } from '../../spec/index.js';
import type { Session } from '../session.js';
import type { Reply, Requests } from './request.js';

/** A payload without a byte says that there is no such configuration. */
const NONE: Reply = { payload: new Uint8Array(0) };

export const configRequests: Requests = [
  [
    FrontendRequest.getConfig,
    {
      needs: ProtocolFeature.config,
      handle: ({ control }, { payload }) => getConfig(control.config, payload),
      failed: NONE,
    },
  ],
  [
    FrontendRequest.setConfig,
    { needs: ProtocolFeature.config, handle: (session, { payload }) => setConfig(session, payload) },
  ],
];

/** What lies behind the end of the configuration reads as zeroes: frontends ask for the longest version they know. */
function getConfig(config: SharedConfig, payload: Uint8Array): Reply {
  const { offset, flags, bytes } = decodeConfig(payload);
  if (offset > config.length) throw new VhostUserRequestError(`configuration at ${offset} of ${config.length}`);
  const answer = new Uint8Array(bytes.length);
  let generation: number;
  do {
    generation = config.generation;
    for (let i = 0; i < answer.length; i++) answer[i] = offset + i < config.length ? config.read(offset + i, 1) : 0;
  } while (config.generation !== generation);
  return { payload: encodeConfig({ offset, flags, bytes: answer }) };
}

function setConfig({ control }: Session, payload: Uint8Array): void {
  const { offset, bytes } = decodeConfig(payload);
  const { length } = control.config;
  if (offset > length || bytes.length > length - offset)
    throw new VhostUserRequestError(`${bytes.length} byte(s) of configuration at ${offset} of ${length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let done = 0; done < bytes.length; ) {
    const size = widthAt(offset + done, bytes.length - done);
    control.writeConfig(offset + done, size, valueAt(view, done, size));
    done += size;
  }
}

/** The widest access that is aligned, as a driver would make it. */
function widthAt(offset: number, left: number): 1 | 2 | 4 {
  if (offset % 4 === 0 && left >= 4) return 4;
  return offset % 2 === 0 && left >= 2 ? 2 : 1;
}

function valueAt(view: DataView, at: number, size: 1 | 2 | 4): number {
  if (size === 4) return view.getUint32(at, true);
  return size === 2 ? view.getUint16(at, true) : view.getUint8(at);
}
