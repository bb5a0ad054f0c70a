/** What a backend may do instead of answering, one lie at a time. */
import { EventFd } from 'ioregion/native';
import type { MockBackendConnection, MockMessage, MockRequest } from '#dist/src/testing/mock-backend/index.js';
import { encodeU64, HeaderFlag } from '#dist/src/vhost-user/index.js';

export type Lie = (
  request: MockRequest,
  answer: MockMessage | null,
  connection: MockBackendConnection,
) => readonly MockMessage[];

const reply = HeaderFlag.version | HeaderFlag.reply;

/** Where nothing is to be answered, what is sent is an answer that nobody asked for. */
const instead =
  (change: (answer: MockMessage) => MockMessage): Lie =>
  ({ request }, answer) => [change(answer ?? { request, payload: encodeU64(0) })];

const withFds =
  (count: number): Lie =>
  ({ request }, answer) => {
    const fds = Array.from({ length: count }, () => EventFd.create());
    setImmediate(() => fds.forEach((fd) => void fd.close()));
    return [{ ...(answer ?? { request, payload: encodeU64(0) }), fds }];
  };

export const LIES: Readonly<Record<string, Lie>> = {
  'another request id': instead((answer) => ({ ...answer, request: answer.request + 1 })),
  'an id that does not exist': instead((answer) => ({ ...answer, request: 0xffff_ffff })),
  'no reply flag': instead((answer) => ({ ...answer, flags: HeaderFlag.version })),
  'another version': instead((answer) => ({ ...answer, flags: HeaderFlag.reply | 2 })),
  'no payload': instead((answer) => ({ ...answer, payload: new Uint8Array(0) })),
  'a payload cut short': instead((answer) => ({ ...answer, payload: answer.payload.subarray(0, -1) })),
  'a payload too long': instead(({ payload, ...answer }) => ({ ...answer, payload: Uint8Array.of(...payload, 1) })),
  'all ones': instead(({ payload, ...answer }) => ({ ...answer, payload: payload.slice().fill(0xff) })),
  'a size beyond all bounds': instead((answer) => ({ ...answer, size: 0x7fff_ffff })),
  'one descriptor': withFds(1),
  'too many descriptors': withFds(20),
  'twice the answer': (_, answer) => (answer === null ? [] : [answer, answer]),
  silence: () => [],
  'a failure': ({ request }, answer) => (answer === null ? [] : [{ request, payload: encodeU64(1), flags: reply }]),
  'the end of the connection': (_, _answer, connection) => {
    connection.close();
    return [];
  },
  'half of a header, and the end': (_, answer, connection) => {
    if (answer !== null) connection.sendBytes(Uint8Array.of(1, 0, 0, 0, 5, 0));
    connection.close();
    return [];
  },
};
