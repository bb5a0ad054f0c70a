/** Ports on real sockets and pseudoterminals. */
import { once } from 'node:events';
import { constants, openSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { Fd, setTerminalSize, socketpair } from 'ioregion/native';
import { type ConsoleBackend, ConsoleDevice, PtyBackend, SocketBackend, StreamBackend } from 'ioregion/virtio';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConsoleDriver } from '../../../../support/console-driver.js';
import { settle } from '../../../../support/net-driver.js';
import { expectOpenFds, openFds } from '../../../../support/open-fds.js';
import { temporaryDirectory } from '../../../../support/temporary.js';

const directory = temporaryDirectory();
const open = (backend: ConsoleBackend) => ConsoleDriver.open({ ports: [{ backend }] });

/** A client that keeps what it gets. */
async function connect(path: string): Promise<{ socket: Socket; text: () => string }> {
  const socket = createConnection(path);
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (data) => {
    text += data.toString();
  });
  await once(socket, 'connect');
  return { socket, text: () => text };
}

async function inputOf(driver: ConsoleDriver): Promise<string> {
  const [buffer] = driver.post(1, 100);
  return Buffer.from((await buffer!.done).data).toString();
}

describe('a port on a Unix socket', () => {
  it('serves one client at a time, and the next one after it', async () => {
    const backend = new SocketBackend({ path: join(directory, 'console') });
    const driver = open(backend);
    await driver.print('nobody hears this');
    expect(driver.device.counters.discardedBytes).toBe(17);
    for (const name of ['first', 'second']) {
      const { socket, text } = await connect(backend.path);
      await expect.poll(() => backend.connected).toBe(true);
      socket.write(`I am ${name}`);
      expect(await inputOf(driver)).toBe(`I am ${name}`);
      await driver.print(`hello ${name}`);
      await expect.poll(text).toBe(`hello ${name}`);
      socket.destroy();
      driver.post(1, 10);
      await expect.poll(() => backend.connected).toBe(false);
      await driver.reset();
      driver.start();
    }
  });

  it('sends a second client away while the first one is there', async () => {
    const backend = new SocketBackend({ path: join(directory, 'busy') });
    const driver = open(backend);
    const { text } = await connect(backend.path);
    const late = await connect(backend.path);
    await once(late.socket, 'close');
    await driver.print('hello');
    await expect.poll(text).toBe('hello');
    expect(backend.refused).toBe(1);
  });

  it('holds output back while the client does not read, and loses nothing of it', async () => {
    const backend = new SocketBackend({ path: join(directory, 'slow') });
    const driver = open(backend);
    const socket = createConnection(backend.path);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    await expect.poll(() => backend.connected).toBe(true);
    const line = `${'x'.repeat(9999)}\n`;
    const ring = driver.outputRing();
    const sent = Array.from({ length: 100 }, () => ring.add([{ bytes: Uint8Array.from(Buffer.from(line)) }]));
    ring.kick();
    await new Promise((resolve) => setImmediate(resolve));
    expect(driver.engine(1).inFlight).toBeLessThanOrEqual(1);
    expect(sent.at(-1)!.used).toBeUndefined();
    let received = 0;
    socket.on('data', (data) => {
      received += data.length;
    });
    await expect.poll(() => received).toBe(1_000_000);
    expect(sent.every(({ used }) => used !== undefined)).toBe(true);
  });

  it('discards output that waits for a client that has gone', async () => {
    const [inside, outside] = socketpair('stream');
    const driver = open(StreamBackend.ofFd(inside));
    const ring = driver.outputRing();
    const sent = Array.from({ length: 100 }, () => ring.add([{ bytes: new Uint8Array(10_000) }]));
    ring.kick();
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent.at(-1)!.used).toBeUndefined();
    outside.close();
    await sent.at(-1)!.done;
    const { outputBytes, discardedBytes } = driver.device.counters;
    expect(outputBytes + discardedBytes).toBe(1_000_000);
    expect(discardedBytes).toBeGreaterThan(0);
  });

  it('leaves nothing open behind', async () => {
    await settle();
    const before = openFds();
    const backend = new SocketBackend({ path: join(directory, 'leak') });
    const device = new ConsoleDevice({ ports: [{ backend }] });
    const { socket } = await connect(backend.path);
    await expect.poll(() => backend.connected).toBe(true);
    device.close();
    device.close();
    socket.destroy();
    await expectOpenFds(before);
  });
});

describe('a port on a pseudoterminal', () => {
  const openTerminal = (path: string) =>
    new Fd(openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK));

  function readAll(terminal: Fd): string {
    const bytes = new Uint8Array(1000);
    const count = terminal.read(bytes) ?? 0;
    return Buffer.from(bytes.subarray(0, count)).toString();
  }

  it('is connected while somebody has it open, with raw bytes in both directions', async () => {
    const backend = new PtyBackend();
    const driver = open(backend);
    await driver.print('nobody reads this\n');
    expect(driver.device.counters.discardedBytes).toBe(18);
    for (const round of ['one\n', 'two\r\n']) {
      const terminal = openTerminal(backend.path);
      await expect.poll(() => backend.connected).toBe(true);
      await driver.print(round);
      await expect.poll(() => readAll(terminal)).toBe(round);
      const typed = inputOf(driver);
      terminal.write(Buffer.from('key\u0003\r'));
      expect(await typed).toBe('key\u0003\r');
      driver.post(1, 10);
      terminal.close();
      await expect.poll(() => backend.connected).toBe(false);
      await driver.reset();
      driver.start();
    }
  });

  it('gives its size to the driver when somebody connects', async () => {
    const backend = new PtyBackend();
    const driver = open(backend);
    const terminal = openTerminal(backend.path);
    setTerminalSize(terminal, { columns: 100, rows: 30 });
    await expect.poll(() => driver.device.config.size).toEqual({ columns: 100, rows: 30 });
    expect(driver.configChanges).toBe(1);
    terminal.close();
  });

  it('discards what waits for somebody who has gone', async () => {
    const backend = new PtyBackend();
    const driver = open(backend);
    const terminal = openTerminal(backend.path);
    await expect.poll(() => backend.connected).toBe(true);
    const ring = driver.outputRing();
    const sent = Array.from({ length: 50 }, () => ring.add([{ bytes: new Uint8Array(10_000) }]));
    ring.kick();
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent.at(-1)!.used).toBeUndefined();
    terminal.close();
    await sent.at(-1)!.done;
    await expect.poll(() => backend.connected).toBe(false);
  });

  it('leaves nothing open behind', async () => {
    await settle();
    const before = openFds();
    const backend = new PtyBackend();
    const terminal = openTerminal(backend.path);
    await expect.poll(() => backend.connected).toBe(true);
    backend.close();
    backend.close();
    terminal.close();
    await expectOpenFds(before);
  });
});
