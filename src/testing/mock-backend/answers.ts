/** What a right backend answers. */
import { type Fd, FdWatch, Memfd, pipe } from '../../native/index.js';
import {
  decodeConfig,
  decodeDeviceState,
  decodeInflight,
  decodeU64,
  decodeVringState,
  encodeConfig,
  encodeInflight,
  encodeU64,
  encodeVringState,
  FrontendRequest,
  type ReceivedMessage,
  TransferDirection,
  TransferReply,
} from '../../vhost-user/index.js';
import type { MockMessage } from './mock-backend.js';
import type { MockBackendConnection } from './mock-connection.js';

const INFLIGHT_BYTES = 0x4000;

/** Carries a request out, and returns its answer; null where none is expected. */
export function answerTo(backend: MockBackendConnection, message: ReceivedMessage): MockMessage | null {
  const { request } = message;
  const own = ANSWERS[request]?.(backend, message);
  if (own !== undefined) return { request, ...own };
  TOLD[request]?.(backend, message);
  return message.needsReply ? { request, payload: encodeU64(0) } : null;
}

type Answer = Omit<MockMessage, 'request'>;
type Answering = (backend: MockBackendConnection, message: ReceivedMessage) => Answer;
type Hearing = (backend: MockBackendConnection, message: ReceivedMessage) => void;

const u64 = (value: bigint | number): Answer => ({ payload: encodeU64(value) });

const ANSWERS: Readonly<Record<number, Answering>> = {
  [FrontendRequest.getFeatures]: ({ options }) => u64(options.features),
  [FrontendRequest.getProtocolFeatures]: ({ options }) => u64(options.protocolFeatures),
  [FrontendRequest.getQueueNum]: ({ options }) => u64(options.queues),
  [FrontendRequest.getMaxMemSlots]: ({ options }) => u64(options.memorySlots),
  [FrontendRequest.getStatus]: ({ status }) => u64(status),
  [FrontendRequest.setLogBase]: () => u64(0),
  [FrontendRequest.checkDeviceState]: () => u64(0),
  [FrontendRequest.getConfig]: getConfig,
  [FrontendRequest.getVringBase]: getVringBase,
  [FrontendRequest.getInflightFd]: getInflightFd,
  [FrontendRequest.setDeviceStateFd]: setDeviceStateFd,
};

const TOLD: Readonly<Record<number, Hearing>> = {
  [FrontendRequest.setFeatures]: (backend, { payload }) => {
    backend.features = decodeU64(payload);
  },
  [FrontendRequest.setProtocolFeatures]: (backend, { payload }) => {
    backend.protocolFeatures = decodeU64(payload);
  },
  [FrontendRequest.setStatus]: (backend, { payload }) => {
    backend.status = Number(decodeU64(payload));
  },
  [FrontendRequest.setConfig]: (backend, { payload }) => {
    const { offset, bytes } = decodeConfig(payload);
    backend.config.set(bytes, offset);
  },
  [FrontendRequest.setVringBase]: withVring((vring, value) => {
    vring.base = value;
  }),
  [FrontendRequest.setVringNum]: withVring((vring, value) => {
    vring.size = value;
  }),
  [FrontendRequest.setVringEnable]: withVring((vring, value) => {
    vring.enabled = value !== 0;
  }),
};

function withVring(change: (vring: MockBackendConnection['vrings'][number], value: number) => void): Hearing {
  return (backend, { payload }) => {
    const { index, value } = decodeVringState(payload);
    change(backend.vrings[index]!, value);
  };
}

/** An empty answer where there is not so much of it. */
function getConfig({ config }: MockBackendConnection, { payload }: ReceivedMessage): Answer {
  const { offset, flags, bytes } = decodeConfig(payload);
  if (offset + bytes.length > config.length) return { payload: new Uint8Array(0) };
  return { payload: encodeConfig({ offset, flags, bytes: config.subarray(offset, offset + bytes.length) }) };
}

function getVringBase(backend: MockBackendConnection, { payload }: ReceivedMessage): Answer {
  const { index } = decodeVringState(payload);
  const vring = backend.vrings[index]!;
  vring.enabled = false;
  return { payload: encodeVringState({ index, value: backend.options.vringBase ?? vring.base }) };
}

function getInflightFd(_backend: MockBackendConnection, { payload }: ReceivedMessage): Answer {
  const asked = decodeInflight(payload);
  const size = BigInt(INFLIGHT_BYTES);
  const fds = [Memfd.create({ name: 'mock-inflight', size: INFLIGHT_BYTES })];
  return { payload: encodeInflight({ ...asked, size, offset: 0n }), fds };
}

/** A state that fits a pipe: it is written, or read, at once. */
function setDeviceStateFd(backend: MockBackendConnection, message: ReceivedMessage): Answer {
  const { direction } = decodeDeviceState(message.payload);
  const [theirs] = message.takeFds();
  theirs?.close();
  const { readEnd, writeEnd } = pipe();
  if (direction === TransferDirection.save) {
    if (backend.options.state.length > 0) writeEnd.write(backend.options.state);
    writeEnd.close();
    return { payload: encodeU64(0), fds: [readEnd] };
  }
  collect(readEnd, backend);
  return { payload: encodeU64(0), fds: [writeEnd] };
}

/** Until the frontend has closed its end. */
function collect(source: Fd, backend: MockBackendConnection): void {
  const watch = new FdWatch(source, () => {
    const chunk = new Uint8Array(65536);
    const count = source.read(chunk) ?? 0;
    backend.state = Uint8Array.from([...backend.state, ...chunk.subarray(0, count)]);
    if (count > 0) return;
    watch.close();
    source.close();
  });
}

/** The error bit of an answer to SET_DEVICE_STATE_FD. */
export const STATE_REFUSED: Uint8Array = encodeU64(TransferReply.error | TransferReply.noFd);
