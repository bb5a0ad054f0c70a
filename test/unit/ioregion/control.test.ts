/** A VMM and a device process meet at a Unix socket; here both are this process. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AcceptedOffer,
  ControlProtocolError,
  connectDevice,
  DevicePort,
  EventLoopServer,
  LoopbackDispatcher,
} from 'ioregion/ioregion';
import { connectUnix, EventFd, type Fd, native, pipe, sendFds, UnixListener } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { soon } from '#dist/test/contract/bounded.js';
import { expectOpenFds, openFds } from '../../support/open-fds.js';

const REGION = { name: 'bar0', space: 'mmio', size: 0x1000 } as const;

let directory: string;
let path: string;
let before: readonly string[];

beforeEach(async () => {
  await new Promise((resolve) => setTimeout(resolve, 0)); /* handles of the test before are closed */
  before = openFds();
  directory = mkdtempSync(join(tmpdir(), 'ioregion-control-'));
  path = join(directory, 'port');
});
afterEach(async () => {
  rmSync(directory, { recursive: true });
  await expectOpenFds(before);
});

describe('DevicePort', () => {
  async function meet(offer: (port: DevicePort) => Promise<Disposable[]>): Promise<AcceptedOffer> {
    using port = DevicePort.listen(path);
    const connecting = connectDevice(path);
    const owned = await offer(port);
    const accepted = await soon(connecting, 'an offer');
    for (const each of owned) each[Symbol.dispose]();
    return accepted;
  }

  it('hands a device process its regions, which then serve', async () => {
    using port = DevicePort.listen(path);
    const connecting = connectDevice(path);
    const connection = await soon(port.accept(), 'a device process');
    const channels = connection.offer([
      { ...REGION, userData: 7n, postedWrites: true },
      { name: 'ports', space: 'pio', size: 8 },
      { name: 'doorbell', space: 'mmio', size: 4, channel: 'queue' },
    ]);
    using accepted = await soon(connecting, 'an offer');
    expect(
      accepted.regions.map(({ name, space, size, userData, postedWrites }) => [
        name,
        space,
        size,
        userData,
        postedWrites,
      ]),
    ).toEqual([
      ['bar0', 'mmio', 0x1000n, 7n, true],
      ['ports', 'pio', 8n, 0n, false],
      ['doorbell', 'mmio', 4n, 0n, false],
    ]);
    const [bar, ports, doorbell] = accepted.regions;
    expect(bar!.readFd.isSameFile(ports!.readFd)).toBe(true);
    expect(bar!.readFd.isSameFile(doorbell!.readFd)).toBe(false);
    expect([...channels.keys()]).toEqual(['default', 'queue']);
    const written: number[] = [];
    const device = { read: () => 0, write: (offset: number) => void written.push(offset) };
    const server = new EventLoopServer({ ...bar!, regions: [{ userData: 7n, device }] });
    const dispatcher = new LoopbackDispatcher();
    const { readFd, writeFd } = channels.get('default')!;
    dispatcher.addRegion({ ...REGION, gpa: 0x8000, userData: 7, postedWrites: true, readFd, writeFd });
    const caller = dispatcher.createCaller();
    caller.write('mmio', 0x8010, 4, 1);
    caller.close();
    dispatcher.close();
    for (const channel of channels.values()) channel[Symbol.dispose]();
    connection.close();
    expect(await soon(server.ended, 'the hang-up')).toEqual({ reason: 'hang-up' });
    expect(written).toEqual([0x10]);
  });

  it('hands over further files by name', async () => {
    using irq = EventFd.create();
    using accepted = await meet(async (port) => {
      const connection = await soon(port.accept(), 'a device process');
      const channels = connection.offer([REGION], { irq });
      connection.close();
      return [...channels.values()];
    });
    native.eventfdWrite(accepted.fds.irq!.number, 3);
    expect(irq.take()).toBe(3n);
  });

  it('hears when the devices are there, once the process has said so', async () => {
    using port = DevicePort.listen(path);
    const connecting = connectDevice(path);
    const connection = await soon(port.accept(), 'a device process');
    for (const channel of connection.offer([REGION]).values()) channel[Symbol.dispose]();
    using accepted = await soon(connecting, 'an offer');
    const ready = connection.ready();
    accepted.ready();
    accepted.ready();
    await soon(ready, 'the devices');
    connection.close();
  });

  it('lets a device process say that its devices are there to a VMM that has gone', async () => {
    using accepted = await meet(async (port) => {
      const connection = await soon(port.accept(), 'a device process');
      const channels = connection.offer([REGION]);
      connection.close();
      return [...channels.values()];
    });
    expect(() => accepted.ready()).not.toThrow();
  });

  it.each([
    ['hangs up', ''],
    ['hangs up in the middle of the word', 'rea'],
    ['says something else', 'sorry\n'],
    ['says a lot', 'ready?'.repeat(1000)],
  ])('hears of no devices from a process that %s', async (_, said) => {
    using port = DevicePort.listen(path);
    using socket = connectUnix(path);
    const connection = await soon(port.accept(), 'a device process');
    const ready = connection.ready();
    if (said !== '') socket.write(new TextEncoder().encode(said));
    socket.close();
    await expect(soon(ready, 'the answer')).rejects.toMatchObject({
      code: 'ERR_IOREGION_CONTROL_PROTOCOL',
      message: expect.stringContaining('hung up before its devices were there'),
    });
    connection.close();
  });

  it('tells who has connected, to a socket of mode 0600', async () => {
    using port = DevicePort.listen(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    using socket = connectUnix(path);
    const connection = await soon(port.accept(), 'a device process');
    expect(connection.peer).toMatchObject({ pid: process.pid, uid: process.getuid!() });
    expect(socket.closed).toBe(false);
    connection.close();
    connection.close();
  });

  it('keeps device processes that connect early, in their order', async () => {
    using port = DevicePort.listen(path);
    const accepting = [connectDevice(path), connectDevice(path)];
    for (const name of ['first', 'second']) {
      const connection = await soon(port.accept(), 'a device process');
      for (const channel of connection.offer([{ ...REGION, name }]).values()) channel[Symbol.dispose]();
      connection.close();
    }
    const offers = await soon(Promise.all(accepting), 'the offers');
    expect(offers.map(({ regions }) => regions[0]!.name)).toEqual(['first', 'second']);
    for (const offer of offers) offer[Symbol.dispose]();
  });

  it('closes connections that nobody took, and its path, when closed', async () => {
    const port = DevicePort.listen(path);
    const connecting = connectDevice(path);
    using second = connectUnix(path);
    await soon(port.accept(), 'a device process').then((connection) => connection.close());
    port.close();
    port.close();
    await expect(soon(connecting, 'the end of a connection')).rejects.toBeInstanceOf(ControlProtocolError);
    await expect(connectDevice(path)).rejects.toMatchObject({ code: 'ERR_IOREGION_SOCKET_UNREACHABLE' });
    expect(second.closed).toBe(false);
  });

  it('gives up waiting for a device process when closed', async () => {
    const port = DevicePort.listen(path);
    const waiting = port.accept();
    port.close();
    await expect(soon(waiting, 'the end of waiting')).rejects.toMatchObject({
      code: 'ERR_IOREGION_DEVICE_PORT_CLOSED',
    });
    await expect(port.accept()).rejects.toMatchObject({ code: 'ERR_IOREGION_DEVICE_PORT_CLOSED' });
  });

  it('leaves no descriptor where the device process has gone before the offer', async () => {
    using port = DevicePort.listen(path);
    for (let round = 0; round < 20; round++) {
      connectUnix(path).close();
      const connection = await soon(port.accept(), 'a device process');
      expect(() => connection.offer([REGION, { ...REGION, channel: 'other' }])).toThrow(
        expect.objectContaining({ errnoName: 'EPIPE' }),
      );
      connection.close();
    }
  });

  it('leaves no descriptor where the offer cannot be made', async () => {
    using port = DevicePort.listen(path);
    using socket = connectUnix(path);
    const connection = await soon(port.accept(), 'a device process');
    const closed = EventFd.create();
    closed.close();
    const long = Array.from({ length: 200 }, (_, index) => ({ ...REGION, name: `${index}`.padStart(64) }));
    for (let round = 0; round < 20; round++) {
      expect(() => connection.offer([REGION], { closed })).toThrow(
        expect.objectContaining({ code: 'ERR_IOREGION_FD_CLOSED' }),
      );
      expect(() => connection.offer(long)).toThrow(ControlProtocolError);
    }
    expect(socket.pendingBytes()).toBe(0);
    connection.close();
  });
});

describe('connectDevice', () => {
  const GOOD = { name: 'bar0', space: 'mmio', size: '4096', userData: '0', posted: false, readFd: 0, writeFd: 0 };
  const line = (offer: unknown) => new TextEncoder().encode(`${JSON.stringify(offer)}\n`);
  const offerOf = (region: unknown, more: object = {}) => line({ version: 1, regions: [region], ...more });

  /** Connects to a VMM that sends `bytes` with two descriptors, and hangs up. */
  async function connectTo(bytes: Uint8Array): Promise<AcceptedOffer> {
    const { readEnd, writeEnd } = pipe();
    const onConnection = (socket: Fd) => {
      if (bytes.length > 0) sendFds(socket, bytes, [readEnd, writeEnd]);
      socket.close();
    };
    const listener = UnixListener.listen(path, { onConnection, onError: () => {} });
    try {
      return await soon(connectDevice(path), 'an offer');
    } finally {
      listener.close();
      readEnd.close();
      writeEnd.close();
    }
  }

  it('takes an offer of the form, and closes all its fds when disposed of', async () => {
    const accepted = await connectTo(offerOf({ ...GOOD, writeFd: 1, size: '18446744073709551615' }));
    expect(accepted.regions[0]).toMatchObject({ name: 'bar0', size: 2n ** 64n - 1n });
    accepted.regions[0]!.writeFd.write(Uint8Array.of(1));
    expect(accepted.regions[0]!.readFd.pendingBytes()).toBe(1);
    accepted[Symbol.dispose]();
    expect(accepted.regions[0]!.readFd.closed).toBe(true);
  });

  const with63 = (count: number) => line({ version: 1, regions: Array(count).fill(GOOD) });
  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['no JSON', new TextEncoder().encode('hello\n')],
    ['no line', new TextEncoder().encode(JSON.stringify({ version: 1, regions: [GOOD] }))],
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe, 0x00, 0x0a)],
    ['null', line(null)],
    ['an array', line([])],
    ['another version', line({ version: 2, regions: [GOOD] })],
    ['no version', line({ regions: [GOOD] })],
    ['no regions', line({ version: 1 })],
    ['an empty list', with63(0)],
    ['too many regions', with63(65)],
    ['a region that is none', offerOf('bar0')],
    ['a region that is null', offerOf(null)],
    ['no name', offerOf({ ...GOOD, name: undefined })],
    ['a name that is a number', offerOf({ ...GOOD, name: 7 })],
    ['a long name', offerOf({ ...GOOD, name: 'x'.repeat(65) })],
    ['another space', offerOf({ ...GOOD, space: 'memory' })],
    ['posted as a word', offerOf({ ...GOOD, posted: 'no' })],
    ['a size that is a number', offerOf({ ...GOOD, size: 4096 })],
    ['a negative size', offerOf({ ...GOOD, size: '-1' })],
    ['a size in hexadecimal', offerOf({ ...GOOD, size: '0x1000' })],
    ['a size of 2^64', offerOf({ ...GOOD, size: '18446744073709551616' })],
    ['a size with too many digits', offerOf({ ...GOOD, size: '1'.repeat(21) })],
    ['no user data', offerOf({ ...GOOD, userData: undefined })],
    ['an index too large', offerOf({ ...GOOD, readFd: 2 })],
    ['an index below zero', offerOf({ ...GOOD, writeFd: -1 })],
    ['half an index', offerOf({ ...GOOD, readFd: 0.5 })],
    ['an index that is a word', offerOf({ ...GOOD, readFd: '0' })],
    ['fds as a list', offerOf(GOOD, { fds: [0] })],
    ['an fd that did not come', offerOf(GOOD, { fds: { irq: 2 } })],
    ['an fd without an index', offerOf(GOOD, { fds: { irq: null } })],
    ['deeply nested nonsense', new TextEncoder().encode(`${'['.repeat(8000)}\n`)],
    ['more than fits', new TextEncoder().encode(`${' '.repeat(20_000)}\n`)],
  ])('refuses %s with an error, and closes every descriptor that came', async (_, bytes) => {
    await expect(connectTo(bytes)).rejects.toMatchObject({ code: 'ERR_IOREGION_CONTROL_PROTOCOL' });
  });

  it('takes names that JavaScript objects have already', async () => {
    const bytes = new TextEncoder().encode(
      `{"version":1,"regions":[${JSON.stringify(GOOD)}],"fds":{"__proto__":1,"constructor":0}}\n`,
    );
    using accepted = await connectTo(bytes);
    expect(Object.keys(accepted.fds).sort()).toEqual(['__proto__', 'constructor']);
  });

  it('says that nobody listens', async () => {
    await expect(connectDevice(path)).rejects.toMatchObject({ code: 'ERR_IOREGION_SOCKET_UNREACHABLE' });
  });
});
