import { EventFd, type Fd, MAX_PASSED_FDS, native, receiveFds, sendFds, socketpair } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectOpenFds, openFds } from '../../support/open-fds.js';

describe.each(['stream', 'seqpacket'] as const)('descriptors over a %s socket', (type) => {
  let a: Fd;
  let b: Fd;
  let before: string[];
  const data = new Uint8Array(64);

  beforeEach(() => {
    before = openFds();
    [a, b] = socketpair(type);
    b.setNonblock(true);
  });
  afterEach(async () => {
    a.close();
    b.close();
    await expectOpenFds(before);
  });

  it('arrive as new descriptors of the same files, in order, with the data', () => {
    using first = EventFd.create();
    using second = EventFd.create({ initial: 5 });
    expect(sendFds(a, Uint8Array.of(1, 2, 3), [first, second])).toBe(3);
    const message = receiveFds(b, data, 8)!;
    expect(message).toMatchObject({ bytes: 3, truncated: false });
    const [one, two] = message.fds as [Fd, Fd];
    expect(one.number).not.toBe(first.number);
    first.signal(7);
    expect(native.eventfdRead(one.number)).toBe(7n);
    expect(native.eventfdRead(two.number)).toBe(5n);
    one.close();
    two.close();
  });

  it('are closed where the receiver wants fewer', () => {
    using eventfd = EventFd.create();
    sendFds(a, Uint8Array.of(1), [eventfd, eventfd, eventfd]);
    const message = receiveFds(b, data, 1)!;
    expect(message.truncated).toBe(true);
    expect(message.fds).toHaveLength(1);
    message.fds[0]!.close();
  });

  it('are closed where the receiver wants none', () => {
    using eventfd = EventFd.create();
    sendFds(a, Uint8Array.of(1), [eventfd]);
    expect(receiveFds(b, data, 0)).toEqual({ bytes: 1, fds: [], truncated: true });
  });

  it(`pass up to ${MAX_PASSED_FDS} at a time`, () => {
    using eventfd = EventFd.create();
    const fds = new Array<Fd>(MAX_PASSED_FDS).fill(eventfd);
    sendFds(a, Uint8Array.of(1), fds);
    const message = receiveFds(b, data, MAX_PASSED_FDS)!;
    expect(message.fds).toHaveLength(MAX_PASSED_FDS);
    for (const fd of message.fds) fd.close();
    expect(() => sendFds(a, Uint8Array.of(1), [...fds, eventfd])).toThrow(RangeError);
  });

  it('need at least one byte of data', () => {
    using eventfd = EventFd.create();
    expect(() => sendFds(a, new Uint8Array(0), [eventfd])).toThrow(RangeError);
    expect(receiveFds(b, data, 1)).toBeNull();
  });

  it('that are not open are refused, and nothing is sent', () => {
    expect(() => native.sendFds(a.number, Uint8Array.of(1), [2 ** 30])).toThrow(
      expect.objectContaining({ code: 'EBADF', syscall: 'sendmsg' }),
    );
    expect(receiveFds(b, data, 1)).toBeNull();
  });

  it('do not arrive at a socket whose peer has gone', () => {
    b.close();
    using eventfd = EventFd.create();
    expect(() => sendFds(a, Uint8Array.of(1), [eventfd])).toThrow(expect.objectContaining({ errnoName: 'EPIPE' }));
  });

  it('are not read through a list that changes the data while it is read', () => {
    const bytes = new Uint8Array(4096);
    const list = [0];
    Object.defineProperty(list, 0, {
      get: () => {
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
        return a.number;
      },
    });
    expect(() => native.sendFds(a.number, bytes, list)).toThrow(RangeError);
    expect(bytes.byteLength).toBe(0);
  });
});

it('reports data cut off a SEQPACKET message', () => {
  const [a, b] = socketpair('seqpacket');
  a.write(new Uint8Array(10));
  expect(receiveFds(b, new Uint8Array(4), 0)).toMatchObject({ bytes: 4, truncated: true });
  a.close();
  b.close();
});

it('reports the end of a connection as zero bytes', () => {
  const [a, b] = socketpair('stream');
  a.close();
  expect(receiveFds(b, new Uint8Array(4), 4)).toEqual({ bytes: 0, fds: [], truncated: false });
  b.close();
});
