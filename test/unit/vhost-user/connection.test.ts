/** One end of a connection: messages with descriptors, in pieces, and what breaks it. */
import { EventFd, type Fd, sendFds, socketpair } from 'ioregion/native';
import {
  Connection,
  encodeMessage,
  encodeU64,
  FrontendRequest,
  HEADER_BYTES,
  HeaderFlag,
  MAX_PAYLOAD_BYTES,
  type ReceivedMessage,
} from 'ioregion/vhost-user';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { expectOpenFds, openFds } from '#dist/test/support/open-fds.js';

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 2 });

describe('a connection', () => {
  let peer: Fd;
  let connection: Connection;
  let before: string[];
  let messages: { request: number; flags: number; payload: Uint8Array; fdCount: number }[];
  let ends: (Error | null)[];
  let handle: (message: ReceivedMessage) => void | Promise<void>;

  beforeEach(() => {
    before = openFds();
    const [ours, theirs] = socketpair('stream');
    peer = theirs;
    messages = [];
    ends = [];
    handle = () => {};
    connection = new Connection(ours, {
      message: (message) => {
        const { request, flags, payload, fdCount } = message;
        messages.push({ request, flags, payload, fdCount });
        return handle(message);
      },
      closed: (error) => void ends.push(error),
    });
  });

  afterEach(async () => {
    connection.close();
    peer.close();
    await expectOpenFds(before);
  });

  const message = encodeMessage(FrontendRequest.setFeatures, HeaderFlag.needReply, encodeU64(7));

  test('delivers messages one by one, with their payloads', async () => {
    peer.write(Uint8Array.from([...message, ...encodeMessage(FrontendRequest.setOwner, 0, new Uint8Array(0))]));
    await eventually(() => expect(messages).toHaveLength(2));
    expect(messages[0]).toEqual({ request: 2, flags: 9, payload: encodeU64(7), fdCount: 0 });
    expect(messages[1]).toEqual({ request: 3, flags: 1, payload: new Uint8Array(0), fdCount: 0 });
  });

  test('puts a message together that comes byte by byte', async () => {
    for (const byte of message) {
      peer.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => expect(messages).toHaveLength(1));
  });

  test('hands descriptors over, and closes those that nobody takes', async () => {
    const eventfd = EventFd.create();
    sendFds(peer, message, [eventfd, eventfd]);
    let taken: readonly Fd[] = [];
    handle = (received) => {
      taken = received.takeFds();
    };
    await eventually(() => expect(taken).toHaveLength(2));
    expect(taken[0]!.isSameFile(eventfd)).toBe(true);
    for (const fd of taken) fd.close();
    handle = () => {};
    const open = openFds();
    sendFds(peer, message, [eventfd]);
    await eventually(() => expect(messages).toHaveLength(2));
    expect(messages[1]!.fdCount).toBe(1);
    await expectOpenFds(open);
    eventfd.close();
  });

  test('waits for the handling of a message before it delivers the next', async () => {
    let finish = () => {};
    handle = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    peer.write(Uint8Array.from([...message, ...message]));
    await eventually(() => expect(messages).toHaveLength(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(messages).toHaveLength(1);
    finish();
    await eventually(() => expect(messages).toHaveLength(2));
    finish();
  });

  test('sends a message in one write, with its descriptors', async () => {
    const eventfd = EventFd.create();
    connection.send(FrontendRequest.setVringKick, encodeU64(1), { fds: [eventfd], flags: HeaderFlag.needReply });
    eventfd.close();
    const bytes = new Uint8Array(64);
    expect(peer.read(bytes)).toBe(20);
    expect(bytes.subarray(0, 20)).toEqual(encodeMessage(12, 9, encodeU64(1)));
  });

  test('keeps what the socket does not take, and sends it when the peer reads', async () => {
    const payload = new Uint8Array(MAX_PAYLOAD_BYTES);
    const eventfd = EventFd.create();
    let sent = 0;
    for (; connection.unsentBytes === 0; sent++) connection.send(sent, payload, { fds: [eventfd] });
    for (let more = 0; more < 5; more++, sent++) connection.send(sent, payload, { fds: [eventfd] });
    eventfd.close();
    const received: number[] = [];
    const reader = new Connection(peer.dup(), {
      message: ({ request, fdCount }) => void received.push(fdCount === 1 ? request : -1),
      closed: () => {},
    });
    await eventually(() => expect(received).toEqual([...Array(sent).keys()]));
    expect(connection.unsentBytes).toBe(0);
    reader.close();
  });

  test('is given up where the peer never reads', () => {
    const payload = new Uint8Array(MAX_PAYLOAD_BYTES);
    for (let sent = 0; sent < 1000 && !connection.closed; sent++) connection.send(1, payload);
    expect(ends).toMatchObject([{ code: 'ERR_IOREGION_VHOST_USER_BACKLOG' }]);
  });

  test('ends without an error where the peer closes it between messages', async () => {
    peer.close();
    await eventually(() => expect(ends).toEqual([null]));
  });

  const PROTOCOL = { code: 'ERR_IOREGION_VHOST_USER_PROTOCOL' };

  test.each([
    ['in a header', message.subarray(0, 5)],
    ['in a payload', message.subarray(0, HEADER_BYTES + 3)],
  ])('ends with an error where the peer closes it %s (hostile 52)', async (_where, part) => {
    const eventfd = EventFd.create();
    sendFds(peer, part, [eventfd]);
    eventfd.close();
    peer.close();
    await eventually(() => expect(ends).toMatchObject([PROTOCOL]));
  });

  test('ends where a payload is longer than any may be (hostile 52)', async () => {
    const header = message.slice();
    new DataView(header.buffer).setUint32(8, MAX_PAYLOAD_BYTES + 1, true);
    peer.write(header);
    await eventually(() => expect(ends).toMatchObject([PROTOCOL]));
    expect(messages).toEqual([]);
  });

  test('ends where the version is another', async () => {
    const header = message.slice();
    header[4] = 2;
    peer.write(header);
    await eventually(() => expect(ends).toMatchObject([PROTOCOL]));
  });

  test('ends where more descriptors come than a message can have, and keeps none of them (hostile 49)', async () => {
    const eventfd = EventFd.create();
    sendFds(peer, message, Array(9).fill(eventfd));
    eventfd.close();
    await eventually(() => expect(ends).toMatchObject([PROTOCOL]));
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])('ends with the error of a handler that %s', async (_how, fails) => {
    handle = fails;
    const eventfd = EventFd.create();
    sendFds(peer, message, [eventfd]);
    eventfd.close();
    await eventually(() => expect(ends).toMatchObject([{ message: 'no' }]));
  });
});
