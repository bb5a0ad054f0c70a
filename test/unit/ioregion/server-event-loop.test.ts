/** The event-loop server: handlers that answer later, never, or badly. */
import { type AsyncRegisterDevice, EventLoopServer, type EventLoopServerOptions } from 'ioregion/ioregion';
import { afterEach, describe, expect, it } from 'vitest';
import { soon, until } from '#dist/test/contract/bounded.js';
import { Channel, FD_KINDS } from '#dist/test/contract/channel.js';
import { responseBytes } from '#dist/test/contract/scripted-peer.js';
import { commandBytes } from '#dist/test/contract/server-exchange.js';
import { expectOpenFds, openFds } from '../../support/open-fds.js';

const MESSAGE_BYTES = 32;

/** A handler's promise in the hands of the test. */
function gate<T>() {
  let open: (value: T) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

const nothing = async (): Promise<void> => {};

describe.each(FD_KINDS)('EventLoopServer over a %s', (kind) => {
  const channels: Channel[] = [];
  const servers: EventLoopServer[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    for (const channel of channels.splice(0)) channel.close();
  });

  function serve(device: AsyncRegisterDevice, options: Partial<EventLoopServerOptions> = {}) {
    const channel = new Channel(kind);
    const server = new EventLoopServer({ ...channel.far, regions: [{ device }], ...options });
    channels.push(channel);
    servers.push(server);
    return { channel, server, send: (bytes: Uint8Array) => channel.near.writeFd.write(bytes) };
  }

  /** The next response, whole. */
  async function response({ near }: Channel): Promise<Uint8Array> {
    await until(() => near.readFd.pendingBytes() >= MESSAGE_BYTES, 'a response');
    const bytes = new Uint8Array(MESSAGE_BYTES);
    near.readFd.read(bytes);
    return bytes;
  }

  it('answers when the handler has, and handles no other command of the fd before', async () => {
    const first = gate<number>();
    const reads: number[] = [];
    const { channel, send } = serve({
      read: (offset) => (reads.push(offset) === 1 ? first.promise : 2),
      write: nothing,
    });
    send(commandBytes({ offset: 1 }));
    send(commandBytes({ offset: 2 }));
    await until(() => reads.length === 1, 'the first read');
    await new Promise((resolve) => setImmediate(resolve));
    expect([reads, channel.unreadResponseBytes()]).toEqual([[1], 0]);
    first.open(1);
    expect(await response(channel)).toEqual(responseBytes(1));
    expect(await response(channel)).toEqual(responseBytes(2));
  });

  it('serves other fds while a handler takes its time', async () => {
    const never = serve({ read: () => new Promise<number>(() => {}), write: nothing });
    const other = serve({ read: () => 5, write: nothing });
    never.send(commandBytes());
    await until(() => never.server.stats.reads === 1, 'a read that hangs');
    other.send(commandBytes());
    expect(await response(other.channel)).toEqual(responseBytes(5));
  });

  it('reads all ones where a handler rejects, and goes on', async () => {
    const errors: unknown[] = [];
    const reads = [() => Promise.reject(new Error('late')), () => Promise.resolve(6)];
    const { channel, send, server } = serve(
      { read: () => reads.shift()!(), write: () => Promise.reject(new Error('never')) },
      { onDeviceError: (error) => errors.push((error as Error).message) },
    );
    send(commandBytes({ size: 2 }));
    send(commandBytes({ write: true }));
    send(commandBytes({ size: 2 }));
    expect(await response(channel)).toEqual(responseBytes(0xffff));
    expect(await response(channel)).toEqual(responseBytes(0));
    expect(await response(channel)).toEqual(responseBytes(6));
    expect([errors, server.stats.deviceErrors]).toEqual([['late', 'never'], 2]);
  });

  it('reads all ones of 8 bytes where the second half rejects', async () => {
    const halves = [() => Promise.resolve(1), () => Promise.reject(new Error('high'))];
    const { channel, send } = serve({ read: () => halves.shift()!(), write: nothing });
    send(commandBytes({ size: 8 }));
    expect(await response(channel)).toEqual(responseBytes(2n ** 64n - 1n));
  });

  it('writes both halves of 8 bytes one after the other', async () => {
    const seen: [number, number][] = [];
    const write = async (offset: number, _size: number, value: number) => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push([offset, value]);
    };
    const { channel, send } = serve({ read: () => 0, write });
    send(commandBytes({ write: true, size: 8, data: 0x2_0000_0001n }));
    send(commandBytes());
    expect(await response(channel)).toEqual(responseBytes(0));
    expect(await response(channel)).toEqual(responseBytes(0));
    expect(seen).toEqual([
      [0, 1],
      [4, 2],
    ]);
  });

  it('waits for what merely has a then', async () => {
    const thenable = Object.fromEntries([['then', (done: (value: number) => void) => setImmediate(done, 9)]]);
    const { channel, send } = serve({ read: () => thenable as unknown as Promise<number>, write: nothing });
    send(commandBytes());
    expect(await response(channel)).toEqual(responseBytes(9));
  });

  it('handles thousands of commands in their order', async () => {
    const seen: number[] = [];
    const write = (_offset: number, _size: number, value: number) => {
      seen.push(value);
      return value % 100 === 0 ? new Promise<void>((resolve) => setImmediate(resolve)) : undefined;
    };
    const { channel, server } = serve({ read: () => seen.length, write });
    const count = 5000;
    for (let value = 0; value < count; value++) {
      channel.near.writeFd.setNonblock(true);
      const bytes = commandBytes({ write: true, posted: true, data: BigInt(value) });
      while (channel.near.writeFd.write(bytes) === null) await new Promise((resolve) => setImmediate(resolve));
    }
    channel.near.writeFd.write(commandBytes());
    expect(await response(channel)).toEqual(responseBytes(count));
    expect(seen).toEqual([...Array(count).keys()]);
    expect(server.stats).toMatchObject({ posted: count, reads: 1 });
  });

  it('answers in full a VMM that takes its responses late, and serves others meanwhile', async () => {
    const { channel, server } = serve({ read: (offset) => offset, write: nothing });
    const { readFd, writeFd } = channel.near;
    writeFd.setNonblock(true);
    let sent = 0;
    const sendMore = () => {
      while (writeFd.write(commandBytes({ offset: sent })) !== null) sent += 1;
    };
    /* Until neither commands nor responses fit anywhere. */
    for (let quiet = 0, last = -1; quiet < 20; quiet = sent === last ? quiet + 1 : 0) {
      last = sent;
      sendMore();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(server.stats.reads).toBeLessThan(sent);
    const other = serve({ read: () => 5, write: nothing });
    other.send(commandBytes());
    expect(await response(other.channel)).toEqual(responseBytes(5));
    const answers: Uint8Array[] = [];
    while (answers.length < sent) answers.push(await response(channel));
    expect(answers).toEqual(Array.from({ length: sent }, (_, offset) => responseBytes(offset)));
    expect(readFd.pendingBytes()).toBe(0);
  });

  it.each(['closed', 'hang-up'])('ends where responses are stuck: %s', async (reason) => {
    const { channel, server } = serve({ read: (offset) => offset, write: nothing });
    channel.near.writeFd.setNonblock(true);
    for (let quiet = 0, last = -1; quiet < 20; quiet = server.stats.reads === last ? quiet + 1 : 0) {
      last = server.stats.reads;
      while (channel.near.writeFd.write(commandBytes()) !== null);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (reason === 'closed') server.close();
    else channel.closeNear();
    expect(await soon(server.ended, 'the end')).toEqual({ reason });
  });

  it('lets the loop turn while a VMM posts writes without end', async () => {
    const { channel, server } = serve({ read: () => 0, write: () => refill() });
    const posted = commandBytes({ write: true, posted: true });
    const { writeFd } = channel.near;
    writeFd.setNonblock(true);
    const refill = () => {
      if (server.stats.writes < 1e6) while (writeFd.write(posted) !== null);
    };
    refill();
    await until(() => server.stats.writes > 0, 'a write');
    await new Promise((resolve) => setImmediate(resolve));
    expect(server.stats.writes).toBeLessThan(1e6);
    server.close();
  });

  describe('closed', () => {
    it('while a handler never settles, ends at once and answers nothing', async () => {
      const { channel, server, send } = serve({ read: () => new Promise<number>(() => {}), write: nothing });
      send(commandBytes());
      await until(() => server.stats.reads === 1, 'a read that hangs');
      server.close();
      expect(await soon(server.ended, 'the end')).toEqual({ reason: 'closed' });
      expect(channel.unreadResponseBytes()).toBe(0);
    });

    it('while a handler is at work, does not answer for it later', async () => {
      const answer = gate<number>();
      const { channel, server, send } = serve({ read: () => answer.promise, write: nothing });
      send(commandBytes());
      send(commandBytes());
      await until(() => server.stats.reads === 1, 'a read at work');
      server.close();
      answer.open(1);
      await new Promise((resolve) => setImmediate(resolve));
      expect([channel.unreadResponseBytes(), server.stats.reads]).toEqual([0, 1]);
    });

    it('by its own device, ends', async () => {
      const { server, send } = serve({
        read: () => {
          server.close();
          return 1;
        },
        write: nothing,
      });
      send(commandBytes());
      expect(await soon(server.ended, 'the end')).toEqual({ reason: 'closed' });
    });

    it('twice, or after its end, changes nothing', async () => {
      const { channel, server } = serve({ read: () => 0, write: nothing });
      channel.closeNear();
      expect(await soon(server.ended, 'the end')).toEqual({ reason: 'hang-up' });
      server.close();
      server.close();
      expect(await server.ended).toEqual({ reason: 'hang-up' });
    });
  });

  it('leaves no descriptor behind, however it ends', async () => {
    await new Promise((resolve) => setTimeout(resolve, 0)); /* handles of the test before are closed */
    const before = openFds();
    for (let round = 0; round < 50; round++) {
      const { channel, server, send } = serve({ read: () => 0, write: nothing });
      send(commandBytes());
      if (round % 3 === 0) server.close();
      if (round % 3 === 1) channel.closeNear();
      if (round % 3 === 2) send(new Uint8Array(MESSAGE_BYTES).fill(0xff));
      await soon(server.ended, 'the end');
      channel.close();
    }
    await expectOpenFds(before);
  });

  it('opens nothing where its fds are not open', () => {
    const before = openFds();
    const options = { regions: [], readFd: 1_000_000, writeFd: 1_000_000 };
    for (let round = 0; round < 50; round++) {
      expect(() => new EventLoopServer(options)).toThrow(expect.objectContaining({ errnoName: 'EBADF' }));
    }
    expect(openFds()).toEqual(before);
  });
});
